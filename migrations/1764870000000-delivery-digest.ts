import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Names each quarantined delivery by the digest over body, nonce and timestamp, each with its length before it, instead of
 * the three joined by dots: a delivery split at a dot of its body had the digest of the whole one.
 */
export class DeliveryDigest1764870000000 implements MigrationInterface {
  readonly name = 'DeliveryDigest1764870000000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      update quarantined_delivery d
      set digest = sha256(int4send(length(d.body)) || d.body
                          || int4send(length(p.nonce)) || p.nonce || int4send(length(p.timestamp)) || p.timestamp)
      from (select id, convert_to(signature ->> 'nonce', 'LATIN1') as nonce,
                   convert_to(signature ->> 'timestamp', 'LATIN1') as timestamp
            from quarantined_delivery) as p
      where p.id = d.id`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      update quarantined_delivery
      set digest = sha256(body || convert_to('.' || (signature ->> 'nonce') || '.' || (signature ->> 'timestamp'), 'LATIN1'))`);
  }
}
