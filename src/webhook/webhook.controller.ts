import { Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiHeader,
  ApiOkResponse,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { ReadSlots } from '../access/read-slots';
import { Public } from '../access/scope';
import { callbackSchema } from '../openapi/describe-callback';
import { Problems } from '../openapi/openapi';
import { webhookPath } from '../base/webhook-path.rule';
import { IntakeService, type Receipt } from './intake.service';
import { SignatureGuard, type SignedRequest } from './signature.guard';

class DeliveryResultObject {
  @ApiProperty({ enum: ['committed', 'ignored', 'quarantined'] }) readonly result: Receipt;
}

/** Where Sinch's webhook points. */
@ApiTags('webhook')
@Controller()
export class WebhookController {
  constructor(
    private readonly intake: IntakeService,
    private readonly readSlots: ReadSlots,
  ) {}

  /** 200 committed or ignored, 202 kept in quarantine; else 401, 413 or 503: never another 4xx, which Sinch would not repeat. */
  @Post(webhookPath)
  @Public()
  @UseGuards(SignatureGuard)
  @ApiHeader({
    name: 'x-sinch-webhook-signature',
    required: true,
    description: 'Base64 of the HMAC-SHA-256.',
  })
  @ApiHeader({
    name: 'x-sinch-webhook-signature-algorithm',
    required: false,
    description:
      '`HmacSHA256`. The signature is verified as HMAC-SHA-256 whatever name is sent. If it does not match and the name is unknown, the answer is 503.',
    schema: { type: 'string' },
  })
  @ApiHeader({
    name: 'x-sinch-webhook-signature-nonce',
    required: true,
    description: 'Unique for each delivery: 1 to 128 visible ASCII characters without a dot.',
  })
  @ApiHeader({ name: 'x-sinch-webhook-signature-timestamp', required: true, description: 'Unix seconds.' })
  @ApiBody({
    description: 'The callback, in the format of Sinch.',
    schema: { $ref: `#/components/schemas/${callbackSchema}` },
  })
  @ApiOkResponse({ type: DeliveryResultObject, description: 'Stored, or a callback of another trigger.' })
  @ApiAcceptedResponse({
    type: DeliveryResultObject,
    description: 'Stored in quarantine: the delivery could not be applied.',
  })
  @Problems('invalid-signature', 'payload-too-large', 'unavailable')
  async receive(
    @Req() request: SignedRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeliveryResultObject> {
    const { delivery } = request;
    if (delivery === undefined)
      throw new Error('The signature guard let a request through that it did not verify.');
    this.readSlots.giveWayToDelivery();
    const result = await this.intake.receive(delivery, new Date());
    reply.status(result === 'quarantined' ? 202 : 200);
    return { result };
  }
}
