import { Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBody,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiProperty,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply } from 'fastify';
import { Public } from '../access/scope';
import { callbackSchema } from '../rest/describe-callback';
import { Problems } from '../rest/openapi';
import { webhookPath } from '../rest/webhook-path';
import { IntakeService, type Receipt } from './intake.service';
import { SignatureGuard, type SignedRequest } from './signature.guard';

class DeliveryAnswer {
  @ApiProperty({ enum: ['committed', 'ignored', 'quarantined'] }) readonly result: Receipt;
}

/** Where Sinch's webhook points. */
@ApiTags('webhook')
@Controller()
export class WebhookController {
  constructor(private readonly intake: IntakeService) {}

  /** 200 committed or ignored, 202 kept in quarantine; else 401, 413 or 503: never another 4xx, which Sinch would not repeat. */
  @Post(webhookPath)
  @Public()
  @UseGuards(SignatureGuard)
  @ApiOperation({ summary: 'Takes a callback that Sinch signed' })
  @ApiHeader({
    name: 'x-sinch-webhook-signature',
    required: true,
    description: 'Base64 of the HMAC-SHA-256.',
  })
  @ApiHeader({ name: 'x-sinch-webhook-signature-algorithm', required: true, enum: ['HmacSHA256'] })
  @ApiHeader({ name: 'x-sinch-webhook-signature-nonce', required: true })
  @ApiHeader({ name: 'x-sinch-webhook-signature-timestamp', required: true, description: 'Unix seconds.' })
  @ApiBody({
    description: 'The callback, as Sinch writes it.',
    schema: { $ref: `#/components/schemas/${callbackSchema}` },
  })
  @ApiOkResponse({ type: DeliveryAnswer, description: 'On disk, or a callback of another trigger.' })
  @ApiAcceptedResponse({ type: DeliveryAnswer, description: 'Kept in quarantine: it could not be applied.' })
  @Problems('unauthenticated', 'payload-too-large', 'unavailable')
  async receive(
    @Req() request: SignedRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<DeliveryAnswer> {
    const { delivery } = request;
    if (delivery === undefined)
      throw new Error('The signature guard let a request through that it did not verify.');
    const result = await this.intake.receive(delivery, new Date());
    reply.status(result === 'quarantined' ? 202 : 200);
    return { result };
  }
}
