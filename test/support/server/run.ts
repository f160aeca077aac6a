import type { EmbeddedPostgres } from '../../../src/database/embedded/embedded-postgres';

/** What the set-up of a run leaves to its teardown: both are in jest's own process, which loads this file once. */
interface Run {
  embedded: { readonly server: EmbeddedPostgres; readonly dataDir: string } | null;
  template: { readonly serverUrl: string; readonly name: string } | null;
  /** The folder with the `DATA_DIR` that tests copy. */
  dataTemplate: string | null;
}

export const run: Run = { embedded: null, template: null, dataTemplate: null };
