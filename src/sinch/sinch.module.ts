import { Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/config';
import { SINCH_CLIENT, SinchClient } from './sinch-client';

/** Asks Sinch: one client for all, since they share one rate. */
@Module({
  providers: [
    {
      provide: SINCH_CLIENT,
      useFactory: ({ sinch }: Config) => (sinch === null ? null : new SinchClient(sinch)),
      inject: [Config],
    },
  ],
  exports: [SINCH_CLIENT],
})
export class SinchModule implements OnApplicationShutdown {
  constructor(@Inject(SINCH_CLIENT) private readonly client: SinchClient | null) {}

  /** After the last answer is sent and every background task has ended. */
  async onApplicationShutdown(): Promise<void> {
    await this.client?.close();
  }
}
