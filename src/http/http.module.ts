import { Module } from '@nestjs/common';
import { ProblemsController } from './problems.controller';

/** The pages that problem types link to. */
@Module({ controllers: [ProblemsController] })
export class HttpModule {}
