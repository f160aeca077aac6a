import { Injectable } from '@nestjs/common';
import { Config } from '../config/config';
import { Connector } from '../egress/connector';

/** Name look-up, TCP and TLS together. */
const connectMaxMs = 5_000;

/** Opens the connections to the destinations of subscriptions, whose hosts callers name. */
@Injectable()
export class DestinationConnector extends Connector {
  constructor({ outwardNetworks }: Config) {
    super({ allowed: outwardNetworks, connectMaxMs });
  }
}
