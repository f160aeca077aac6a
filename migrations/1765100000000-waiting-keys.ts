import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Lets the service sort keys of names and identities into their indexes outside of commits.
 *
 * New keys wait in a list of the index, which every search reads as well. The commit that fills the list sorts all of it in. That of
 * names may hold 1 MB now, some 4,000 contacts: the service empties it each second, so hardly any commit does.
 */
export class WaitingKeys1765100000000 implements MigrationInterface {
  readonly name = 'WaitingKeys1765100000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      alter index contact_name_keys set (gin_pending_list_limit = 1024);
      ${sorterOf('sort_in_names()', 'contact_name_keys')};
      ${sorterOf('sort_in_identities()', 'contact_identity')}`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      drop function sort_in_names();
      drop function sort_in_identities();
      alter index contact_name_keys set (gin_pending_list_limit = 64)`);
  }
}

/** A function that sorts in the keys that wait for an index; returns how many pages of them there were. Only an owner may do this. */
function sorterOf(name: string, index: string): string {
  return `
create function ${name} returns bigint language sql security definer set search_path = public, pg_temp as
  $$ select pg_catalog.gin_clean_pending_list('${index}') $$;
revoke execute on function ${name} from public`;
}
