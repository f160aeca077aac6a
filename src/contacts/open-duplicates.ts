/** Knows how many open sets of duplicates there are. Stats tell it, but know nothing of duplicates: their module provides it. */
export abstract class OpenDuplicates {
  /** How many sets of a project are open. */
  abstract countOpen(projectId: string): Promise<number>;
}

/** Whether a set was snoozed until a time that has come: it is open again by the clock alone, so nothing has counted it. */
export const IS_WOKEN = `status = 'snoozed' and snoozed_until <= now()`;
/** The status of a row of `duplicate_set`: one that is snoozed no longer is open again, by the clock alone. */
export const SET_STATUS = `case when ${IS_WOKEN} then 'open' else status end`;

/**
 * The ids of the open sets of duplicates that a contact of the project $1 is in, hot ones included: an array, in SQL.
 *
 * An expression, so that contacts are read with them in one statement.
 *
 * @param contactId the contact's id, in SQL
 */
export function openSetsOf(contactId: string): string {
  return `array(
    select s.id
    from (select id, project_id, status, snoozed_until
          from duplicate_set
          where contact_ids @> array[${contactId} collate "C"] and status in ('open', 'snoozed') and hot_digest is null
          offset 0) s
    where s.project_id = $1 and ${SET_STATUS} = 'open'
    union all
    select s.id
    from shared_value v
    join duplicate_set s on s.project_id = v.project_id and s.hot_digest = v.digest and s.status <> 'resolved'
    where v.project_id = $1 and v.contact_id = ${contactId} and ${SET_STATUS} = 'open'
    order by id)`;
}
