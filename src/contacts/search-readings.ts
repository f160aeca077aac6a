import { Injectable } from '@nestjs/common';

/** By which readings contacts are searched: by the older one too, until every row has the columns of the current one. */
@Injectable()
export class SearchReadings {
  /** Whether rows of the older reading may be left. */
  isOlderAsked = true;
  /** Whether rows may be left whose names are searched otherwise. */
  isOlderNameAsked = true;
}
