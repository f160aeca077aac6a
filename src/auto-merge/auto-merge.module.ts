import { Module } from '@nestjs/common';
import { DuplicatesModule } from '../duplicates/duplicates.module';
import { FollowersModule } from '../followers/followers.module';
import { MergingModule } from '../merging/merging.module';
import { AutoMergeController } from './auto-merge.controller';
import { AutoMergerService } from './auto-merger.service';

/** Merges sets of duplicates by rule. */
@Module({
  imports: [DuplicatesModule, FollowersModule, MergingModule],
  controllers: [AutoMergeController],
  providers: [AutoMergerService],
})
export class AutoMergeModule {}
