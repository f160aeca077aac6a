import { Global, Module } from '@nestjs/common';
import { OpenDuplicates } from '../contacts/open-duplicates';
import { SetsRepository } from './sets.repository';

/** The table of sets, apart from the module that keeps it: contacts are shown with their sets, and sets are made of contacts. */
@Global()
@Module({
  providers: [SetsRepository, { provide: OpenDuplicates, useExisting: SetsRepository }],
  exports: [SetsRepository, OpenDuplicates],
})
export class SetsModule {}
