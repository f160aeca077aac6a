/** The parts of the API in the order in which somebody new would read them. */
export const TAGS: readonly (readonly [name: string, description: string])[] = [
  ['contacts', 'The contacts of Sinch, their history, and the feed of changes.'],
  ['merges', 'Past merges, requests for new ones, and data from Sinch that contradicts itself.'],
  ['duplicates', 'Contacts that seem to be the same person: the review queue and its decisions.'],
  ['references', 'Ids of contacts in other systems. A reference follows its contact through merges.'],
  ['subscriptions', 'What other systems are sent of events, and what became of it.'],
  ['audit', 'The append-only journal: what Sinch reported and what was decided here.'],
  ['stats', 'Counts of contacts, and when they were created.'],
  ['sync', 'Reading all contacts from Sinch: backfill and reconcile.'],
  ['api keys', 'Keys for callers, and access tokens for clients that need them.'],
  ['quarantine', 'Signed deliveries that could not be applied.'],
  ['parked events', 'Events of the journal that a follower could not handle and set aside.'],
  ['health', 'For load balancers and monitoring.'],
  ['webhook', 'Where Sinch delivers its callbacks.'],
  ['documentation', 'What the service is, its API and its error codes. No key is needed.'],
];

interface OperationTexts {
  readonly summary: string;
  readonly description: string;
}

/** What each operation does, by its id. */
export const OPERATIONS: Readonly<Record<string, OperationTexts>> = {
  ApiKeys_create: {
    summary: 'Create an API key',
    description:
      'The key is shown only in this answer, because the service stores only its hash. A key has scopes and projects.',
  },
  ApiKeys_list: {
    summary: 'List API keys',
    description: 'All keys, also those that expired or were revoked, without their secrets.',
  },
  ApiKeys_events: {
    summary: 'List changes of API keys',
    description: 'Who created, rotated and revoked which key, and when.',
  },
  ApiKeys_rotate: {
    summary: 'Give an API key a new secret',
    description:
      'The new key is shown only in this answer. With `grace_seconds` the old one keeps working for that long.',
  },
  ApiKeys_revoke: {
    summary: 'Revoke an API key',
    description: 'The key and its access tokens stop working immediately, on every replica.',
  },
  Token_issue: {
    summary: 'Get an access token',
    description:
      'OAuth 2.0 client credentials (RFC 6749, section 4.4): send the id of a key and the key, by Basic authentication or in the form. The token is valid for at most an hour, and only as long as its key. Sinch’s own clients ask for tokens this way.',
  },
  Health_live: {
    summary: 'Is the process alive?',
    description: 'Answers 200 as long as the process runs. Use it as a liveness probe.',
  },
  Health_ready: {
    summary: 'Is the service ready?',
    description:
      'Answers 503 while the service starts, migrates or stops, and while Postgres is unavailable. Use it as a readiness probe.',
  },
  Metrics_read: {
    summary: 'Read metrics',
    description:
      'The metrics of this replica in the text format of Prometheus. Requires a key with the scope `ops` for every project.',
  },
  Welcome_show: {
    summary: 'Name, version and links',
    description: 'Where to find the documentation and the API. Browsers get a page of the same links.',
  },
  EventTypes_list: {
    summary: 'List event types',
    description: 'Every type of event that subscriptions can be sent. No key is needed.',
  },
  EventTypes_show: {
    summary: 'Explain an event type',
    description: 'The JSON Schema of its bodies, and an example. No key is needed.',
  },
  Problems_list: {
    summary: 'List error codes',
    description: 'Every `code` of a problem, with its reason and what to do about it. Browsers get a page.',
  },
  Problems_show: {
    summary: 'Explain an error code',
    description:
      'Where the `type` of a problem points: its reason, and what to do about it. Browsers get a page.',
  },
  Documentation_openapi: {
    summary: 'This document',
    description: 'The API as an OpenAPI 3.1 document.',
  },
  Documentation_docs: {
    summary: 'The API as a page',
    description: 'The same document as a page for browsers, on which requests can be sent.',
  },
  Audit_list: {
    summary: 'List audit events',
    description:
      'The journal in commit order, newest first. With `order=asc` it is a feed: keep the last `next_page_token` and use it later to continue.',
  },
  Audit_get: {
    summary: 'Get an audit event',
    description: 'One event, with the exact bytes of its payload and the parts of its signature.',
  },
  AuditExport_export: {
    summary: 'Export audit events',
    description: 'All matching events as NDJSON or CSV, streamed. It can be continued with `after`.',
  },
  Contacts_list: {
    summary: 'List and search contacts',
    description:
      'Sinch’s own route, with more filters. Filters are combined with "and". Ordered by contact id.',
  },
  History_changes: {
    summary: 'Follow changes of contacts',
    description:
      'The feed for systems that stay in sync: every change once, in commit order. Start with `page_token=latest`, list all contacts, then follow the feed with the token of each answer; nothing is missed.',
  },
  Contacts_resolve: {
    summary: 'Resolve contact ids',
    description: 'The contact that each id leads to now. Merges are followed to the last survivor.',
  },
  Contacts_batchGet: {
    summary: 'Get many contacts',
    description:
      'Up to 1,000 contacts by id, in the order of the ids. An id that cannot be answered has a `problem`.',
  },
  Contacts_get: {
    summary: 'Get a contact',
    description:
      'Sinch’s own route. A merged id is answered with a redirect to its survivor, or as `on_merged` says. With `at`: the contact at that time.',
  },
  History_history: {
    summary: 'Read the history of a contact',
    description:
      'Every event with the fields that it changed, newest first, also of contacts merged into it.',
  },
  ContactsExport_export: {
    summary: 'Export contacts',
    description:
      'All matching contacts as NDJSON or CSV, streamed. The first line has a feed token: pass it to `contacts:changes` to get what changed after the export began.',
  },
  ContactsExport_exportIdentities: {
    summary: 'Export channel identities',
    description:
      'One row for each channel identity of the matching contacts, as CSV or NDJSON: for spreadsheets and databases that cannot read lists within a cell.',
  },
  Merges_list: {
    summary: 'List merges',
    description: 'Each merge once, however many events report it, newest first, with what it moved and lost.',
  },
  Merging_merge: {
    summary: 'Merge two contacts at Sinch',
    description:
      'Sinch merges the loser into the survivor; this cannot be undone. With `validate_only=true` nothing is changed: the answer says what the merge would do and what blocks it.',
  },
  Merges_get: {
    summary: 'Get a merge',
    description:
      'What the merge moved, kept, filled and lost, with both contacts before and the survivor after.',
  },
  Anomalies_list: {
    summary: 'List anomalies',
    description:
      'Data from Sinch that contradicts itself: merge cycles, contacts merged into two survivors, events that are newer than the deletion of their contact.',
  },
  References_put: {
    summary: 'Set a reference',
    description:
      'Stores the id that this contact has in another system. Such an id belongs to one contact only.',
  },
  References_remove: {
    summary: 'Remove a reference',
    description:
      'Removes an id of another system from the contact. Repeating the request has no further effect.',
  },
  References_ofContact: {
    summary: 'List the references of a contact',
    description: 'The ids of this contact in other systems, including those of contacts merged into it.',
  },
  References_get: {
    summary: 'Find the contact of a reference',
    description: 'The contact that another system’s id leads to now; merges are followed.',
  },
  References_list: {
    summary: 'List references',
    description:
      'All references of the project; with `state=dangling` only those that lead to deleted contacts.',
  },
  Duplicates_list: {
    summary: 'List sets of duplicates',
    description:
      'The review queue: contacts that share an identity, a phone number, an e-mail address or an id.',
  },
  Duplicates_get: {
    summary: 'Get a set of duplicates',
    description: 'The set with its members side by side, the evidence, and which contact to keep.',
  },
  Duplicates_dismiss: {
    summary: 'Dismiss a set',
    description:
      'Records that these contacts are not the same person. The set stays closed until it is reopened, even if there is new evidence. A contact that matches two of them can still connect them in another set. Dismissing a dismissed set with another `reason` replaces the decision: who, when and why; without a reason it changes nothing.',
  },
  Duplicates_reopen: { summary: 'Reopen a set', description: 'Undoes a dismissal or a snooze.' },
  Duplicates_snooze: {
    summary: 'Snooze a set',
    description: 'Hides the set from the queue until a given time.',
  },
  DuplicatesOverview_summary: {
    summary: 'Summarise the review queue',
    description: 'How many sets opened and closed, how many are open by reason and channel, and the lag.',
  },
  DuplicatesOverview_scan: {
    summary: 'Scan all contacts for duplicates',
    description: 'Runs in the background; `duplicates:summary` shows its progress.',
  },
  AutoMerge_resumeAutoMerge: {
    summary: 'Resume automatic merging',
    description: 'Continues automatic merging after it stopped because merges failed.',
  },
  DuplicatesOverview_identityConflicts: {
    summary: 'List identity conflicts',
    description: 'Sinch’s own route: phone numbers that several contacts have on SMS, MMS or RCS.',
  },
  Merging_mergeSet: {
    summary: 'Merge a set of duplicates at Sinch',
    description: 'Merges every other member into the survivor, one by one. This cannot be undone.',
  },
  Stats_overview: {
    summary: 'Count contacts',
    description: 'Current counts by status, channel and language; merges; open sets of duplicates.',
  },
  Stats_acquisition: {
    summary: 'Count created contacts over time',
    description:
      'By hour, day, week or month in any time zone, optionally grouped; every interval is listed.',
  },
  Sync_request: {
    summary: 'Start a sync run',
    description:
      'A backfill reads all contacts from Sinch; a reconcile also finds those that were deleted there. It runs in the background.',
  },
  Sync_list: {
    summary: 'List sync runs',
    description: 'All runs of the project, newest first, with their counts.',
  },
  Sync_get: {
    summary: 'Get a sync run',
    description: 'The progress and results of the run, and the reason if it failed.',
  },
  Sync_cancel: {
    summary: 'Cancel a sync run',
    description: 'The run stops. Changes that it has already written stay.',
  },
  Subscriptions_create: {
    summary: 'Subscribe another system to events',
    description:
      'Events that pass the filter are sent to the destination, signed, in the order of each contact. The signing secret is shown only in this answer. The host is resolved and must be public. The key needs `contacts:read` too.',
  },
  Subscriptions_list: {
    summary: 'List subscriptions',
    description: 'The subscriptions of the project, by name, without secrets.',
  },
  Subscriptions_get: {
    summary: 'Get a subscription',
    description:
      'What is configured, and its state. Its `ETag` changes when somebody changes it: send it as `If-Match` with a change.',
  },
  Subscriptions_patch: {
    summary: 'Change a subscription',
    description:
      'Changes the members that are given, each as a whole. Requires `If-Match`. Stored headers are never sent to a new address: with another scheme, host or port they must be given again. The key needs `contacts:read` too.',
  },
  Subscriptions_remove: {
    summary: 'Delete a subscription',
    description:
      'Nothing more is sent, and its secrets are deleted. Repeating the request has no further effect.',
  },
  Subscriptions_test: {
    summary: 'Send an example to a subscription',
    description:
      'Sends one made-up event with the header `mirror-test: true`, once, whatever the state of the subscription. 10 a minute.',
  },
  Subscriptions_pause: {
    summary: 'Pause a subscription',
    description: 'Nothing more is sent until it is resumed. It keeps its place, so nothing is lost.',
  },
  Subscriptions_resume: {
    summary: 'Resume a subscription',
    description:
      'Activates a paused or disabled subscription, from where it stands or from the end of the journal.',
  },
  Subscriptions_rotateSecret: {
    summary: 'Give a subscription a new signing key',
    description:
      'The new secret is shown only in this answer. Older keys sign as well for `overlap_seconds`, so the receiver can change over at any time.',
  },
  Subscriptions_revokeSecret: {
    summary: 'Revoke an older signing key',
    description: 'The key stops signing at once. The current key can only be replaced, by `:rotateSecret`.',
  },
  Subscriptions_events: {
    summary: 'List changes of a subscription',
    description: 'Who changed what, and when, with the filter that holds from then on. Newest first.',
  },
  Webhook_receive: {
    summary: 'Receive a callback of Sinch',
    description:
      '200: stored, or a callback of another trigger. 202: kept in quarantine. After 503 the delivery may or may not be stored: Sinch sends it again, and it is stored once. After 401 or 413 it is not stored, and Sinch drops it. Paths below this one or similar to it (another case, more slashes) are the same route.',
  },
  ParkedEvents_list: {
    summary: 'List parked events',
    description:
      'Events that a follower could not handle, with the reason. Everything after them was handled.',
  },
  ParkedEvents_get: {
    summary: 'Get a parked event',
    description: 'Why the follower set the event aside, and when.',
  },
  ParkedEvents_retry: {
    summary: 'Retry a parked event',
    description: 'The follower handles the event again, with the contacts as they are now.',
  },
  Deliveries_list: {
    summary: 'List deliveries of a subscription',
    description:
      'What waits, was given up, was delivered or was passed over for a reason, newest first. Attempts are kept for 7 days, deliveries that were given up for 30. A page may be shorter than requested, or empty, and still have a next one.',
  },
  Deliveries_get: {
    summary: 'Say what became of an event',
    description:
      'Of every outward event: delivered, waiting and for what, filtered and by which part of the filter, behind, given up, or skipped and why. For an event of the journal, named by its number, `deliveries` has what became of each outward event that it becomes.',
  },
  Deliveries_retry: {
    summary: 'Retry a delivery',
    description:
      'One that waits is tried at once; if an earlier event of its contact waits, it stays behind that. One that was given up is sent after what its contact still has waiting.',
  },
  Deliveries_discard: {
    summary: 'Give a delivery up',
    description:
      'It is not sent again, and what waited behind it continues. While a request for it is under way, that is refused.',
  },
  DestinationKinds_list: {
    summary: 'List kinds of destinations',
    description: 'Where subscriptions can send events, and the options of each kind as JSON Schema.',
  },
  SubscriptionHealth_get: {
    summary: 'Say how a subscription does',
    description:
      'One sentence and one next step for people, and figures: how far it is behind, what waits and was given up, the breaker, and how attempts fared.',
  },
  Runs_replay: {
    summary: 'Replay events',
    description:
      'Sends events again, with the same ids and bytes and the header `mirror-replay: true`, the oldest first and in the order of their contacts: those that were given up, or all of a window of time that the filter lets pass, whatever their age. With `dry_run` it only counts them. At most 10 million.',
  },
  Runs_snapshot: {
    summary: 'Send all contacts',
    description:
      'Sends each active contact as it is now, as `contact.snapshot`, in the order of ids and in the lane of its contact.',
  },
  Runs_list: {
    summary: 'List runs',
    description: 'Replays and snapshots of the subscription, newest first.',
  },
  Runs_get: {
    summary: 'Get a run',
    description: 'What was asked for, and how far the run is.',
  },
  Runs_stop: {
    summary: 'Stop a run',
    description:
      'Nothing more is read for it. What it has parked is still sent. A run that has ended is answered as it is.',
  },
  Quarantine_list: {
    summary: 'List quarantined deliveries',
    description: 'Signed deliveries that could not be applied, newest first, with the reason.',
  },
  Quarantine_get: {
    summary: 'Get a quarantined delivery',
    description: 'The delivery with its exact bytes and headers.',
  },
  Quarantine_replay: {
    summary: 'Replay a quarantined delivery',
    description:
      'Applies the delivery with the rules of this release. If it still cannot be applied, it stays open.',
  },
  Quarantine_discard: {
    summary: 'Discard a quarantined delivery',
    description: 'The delivery stays stored, but is no longer open.',
  },
};

/** What a part of a path is, by its name. */
export const PATH_PARAMETERS: Readonly<Record<string, string>> = {
  project_id: 'The id of the Sinch project. The API key must be valid for it.',
  contact_id: 'The id of the contact, percent-encoded.',
  event_id: 'The id of the event.',
  merge_id: 'The id of the merge.',
  duplicate_id: 'The id of the set of duplicates.',
  system: 'The other system, such as `crm`.',
  external_id: 'The id of the contact in the other system.',
  run_id: 'The id of the run.',
  key_id: 'The id of the key, which is no secret.',
  subscription_id: 'The id of the subscription.',
  delivery_id: 'The id of the delivery.',
  parked_event_id: 'The id of the parked event.',
  event_type: 'The type of events, such as `contact.merged`.',
  code: 'The `code` of a problem, such as `not-found`.',
};

/** What a field is where its class does not say so: by `Schema.field`, else by its name alone. */
export const FIELDS: Readonly<Record<string, string>> = {
  'ApiKey.id': 'The id of the key.',
  'ShownApiKey.id': 'The id of the key.',
  'ApiKeyEvent.id': 'The id of this event.',
  'AuditEvent.id': 'The id of the event in the journal.',
  'WholeAuditEvent.id': 'The id of the event in the journal.',
  'BatchGetResult.id': 'The requested id.',
  'ResolveResult.id': 'The requested id.',
  'Duplicate.id': 'The id of the set of duplicates.',
  'MergedDuplicate.id': 'The id of the set of duplicates.',
  'WholeDuplicate.id': 'The id of the set of duplicates.',
  'ParkedEvent.id': 'The id of the parked event.',
  'QuarantinedDelivery.id': 'The id of the delivery in quarantine.',
  'WholeQuarantinedDelivery.id': 'The id of the delivery in quarantine.',
  'SinchCallbackContact.id': 'The id of the contact.',
  'SyncRun.id': 'The id of the run.',
  'Subscription.id': 'The id of the subscription.',
  'ShownSubscription.id': 'The id of the subscription.',
  'SubscriptionEvent.id': 'The id of this change.',
  'SigningKey.id': 'The id of the key, which is no secret.',
  'SigningKey.kind': 'How the key signs.',
  'SigningKey.created_at': 'When the key was made.',
  'Subscription.created_at': 'When the subscription was created.',
  'ShownSubscription.created_at': 'When the subscription was created.',
  'SubscriptionEvent.at': 'When it was changed.',
  'WebhookDestination.kind': 'The kind of destination.',
  'DestinationBody.kind': 'The kind of destination.',
  'WebhookDestination.url': 'Where events are sent.',
  destination: 'Where events are sent.',
  schema_version: 'The version of the bodies.',
  subscription_events: 'The changes of this page.',
  updated_at: 'When somebody last changed it.',
  'SubscriptionBody.state': 'Whether it sends at once.',
  access_token: 'Send it as `Authorization: Bearer <token>`.',
  accepted_at: 'When Sinch accepted the event.',
  active: 'The number of active contacts.',
  allowed: 'Whether nothing blocks the merge.',
  anomalies: 'The anomalies of this page.',
  app_id: 'The app; often empty, since contacts belong to the project.',
  at: 'When the key was changed.',
  audit_events: 'The events of this page.',
  auto_merge: 'The state of automatic merging.',
  blocked: 'What blocks the merge.',
  by_channel: 'The number of sets for each channel.',
  by_reason: 'The number of sets for each kind of evidence.',
  chain: 'The ids from the requested one to the last survivor.',
  chain_length: 'How many ids the whole chain has.',
  changes: 'The changes, oldest first.',
  'HistoryEntry.changes': 'The fields that the event changed.',
  channel: 'The channel, such as `SMS`.',
  channel_identities: 'Where the contact can be reached.',
  channel_priority: 'Channels in the order of preference.',
  channels: 'The channels of the evidence.',
  channels_added: 'Channels that the event added.',
  channels_removed: 'Channels that the event removed.',
  closed_at: 'When the set was closed; null while it is open.',
  code: 'A stable code for programs.',
  confirmed: 'Whether many deletions were confirmed in advance.',
  conflicts: 'The conflicts of this page.',
  contact: 'The contact as it is now.',
  contact_id: 'The id of the contact.',
  contact_ids: 'The ids of the contacts.',
  contact_create_notification: 'A contact was created.',
  contact_delete_notification: 'A contact was deleted.',
  contact_merge_notification: 'A contact was merged into another.',
  contact_update_notification: 'A contact was changed; it is sent whole.',
  contacts: 'The contacts of this page.',
  'Overview.contacts': 'How many contacts there are.',
  correlation_id: 'The correlation id of a message that led to the event.',
  'AcquisitionPoint.count': 'The number of contacts created in this interval.',
  'ValueCount.count': 'The number of contacts that have this value.',
  created_at: 'When the key was created.',
  'Reference.created_at': 'When the reference was set.',
  daily_max: 'The maximum of automatic merges per 24 h.',
  deleted: 'The number of deleted contacts.',
  detail: 'What was wrong this time.',
  dismissed_at: 'When the set was dismissed.',
  dismissed_by: 'Who dismissed the set.',
  differs: 'Whether the members differ in this field.',
  display_name: 'The name that is shown for the contact.',
  drift: 'What the run found different.',
  duplicated_contact_identities_notification: 'Contacts share an identity.',
  duplicates: 'The sets of this page.',
  email: 'The e-mail address.',
  error: 'The error code of OAuth 2.0.',
  error_description: 'What was wrong, for people.',
  errors: 'Each reason why the request was refused.',
  event_id: 'The id of the event in the journal.',
  event_time: 'When the event happened, if Sinch says so.',
  evidence: 'Why these contacts seem to be the same person.',
  expires_at: 'When the key stops working; null: never.',
  external_id: 'The id in another system.',
  field: 'The name of the field.',
  'Scan.finished_at': 'When the scan ended; null while it runs.',
  'SyncRun.finished_at': 'When the run ended; null while it waits or runs.',
  first_seen_at: 'When evidence of the set was first seen.',
  'Evidence.first_seen_at': 'When this evidence was first seen.',
  follower: 'How far these figures are behind the journal.',
  from: 'The beginning of the window.',
  grant_type: 'Always `client_credentials`.',
  group_by: 'What the points are grouped by; null: nothing.',
  headers: 'The headers of the delivery, without those that may carry secrets.',
  history: 'The events of this page, newest first.',
  identities: 'What happened to the channel identities.',
  identity: 'The address on the channel, such as a phone number.',
  ids: 'Contact ids, at most 1,000.',
  interval: 'How long each point is.',
  key_id: 'The id of the key.',
  language: 'The preferred language.',
  last_seen_at: 'When evidence of the set was last seen.',
  'Evidence.last_seen_at': 'When this evidence was last seen.',
  loser_id: 'The contact that the merge ended.',
  members: 'The contacts of the set.',
  merge_id: 'The id of the merge.',
  merged: 'The number of contacts that were merged into others.',
  merges: 'The merges of this page.',
  message: 'A sentence for people.',
  message_metadata: 'The metadata of a message that led to the event.',
  metadata: 'Opaque text, often JSON.',
  mirror: 'What the mirror adds to the fields of Sinch.',
  mode: 'Backfill or reconcile.',
  name: 'A name for people.',
  next_page_token: 'Send it as `page_token` to get the next page; empty on the last one.',
  nonce: 'The nonce from the header.',
  on_merged: 'For merged ids: `follow` answers the survivor, `error` a problem.',
  opened: 'Sets that opened since then.',
  parked_at: 'When the event was set aside.',
  parked_events: 'The events of this page.',
  partitions_done: 'How many parts of the scan are done.',
  problem: 'Why there is no contact for this id.',
  project_id: 'The id of the Sinch project.',
  quarantine: 'The deliveries of this page.',
  reason: 'Why the delivery went into quarantine, as a stable code.',
  'Evidence.reason': 'The kind of evidence.',
  reasons: 'The kinds of evidence that connect the contacts.',
  received_at: 'When the service received the event.',
  'QuarantinedDelivery.received_at': 'When the service received the delivery.',
  'WholeQuarantinedDelivery.received_at': 'When the service received the delivery.',
  references: 'The references of this page.',
  requested_at: 'When the run was requested.',
  requested_by: 'Who requested the run.',
  'Scan.requested_at': 'When the scan was requested.',
  'Scan.requested_by': 'Who requested the scan.',
  resolved_by: 'The event that closed the set; null while it is open.',
  result: 'What happened to the delivery.',
  revoked_at: 'When the key was revoked; null: it was not.',
  rotated_at: 'When the key last got a new secret; null: never.',
  scopes: 'What the key may do.',
  settled_at: 'When the delivery was replayed or discarded; null while it is open.',
  signature: 'The parts of Sinch’s signature; null for an event that was not delivered.',
  since: 'Since when sets are counted.',
  snoozed_until: 'Until when the set is hidden; null: it is not.',
  source: 'How the event reached the journal.',
  started_at: 'When the run began; null while it waits.',
  'QuarantinedDelivery.state': '`open` until the delivery is replayed or discarded.',
  'WholeQuarantinedDelivery.state': '`open` until the delivery is replayed or discarded.',
  'ResolveResult.state':
    'The state of the requested id. `cycle`: its merges lead back to itself. `unknown`: not in the mirror.',
  'Scan.state': '`running` until every part of the scan is done.',
  'Duplicate.status':
    '`open` sets wait for a decision. `unknown-members`: fewer than two contacts of the set are known here.',
  'MergedDuplicate.status':
    '`open` sets wait for a decision. `unknown-members`: fewer than two contacts of the set are known here.',
  'WholeDuplicate.status':
    '`open` sets wait for a decision. `unknown-members`: fewer than two contacts of the set are known here.',
  'Health.status': '`live`: the process answers. `ready`: it can also commit.',
  'Mirror.status': '`deleted` also if Sinch no longer has the contact.',
  'Problem.status': 'The HTTP status.',
  stopped_at: 'When automatic merging stopped; null: it did not.',
  suggested_survivor: 'Which contact to keep, and why; null if no contact is preferable.',
  survivor_id: 'The contact that the loser was merged into.',
  survivor_state: 'The state of the last contact of the chain.',
  sync_runs: 'The runs of this page.',
  system: 'The other system.',
  title: 'What the code means.',
  to: 'The end of the window, not included.',
  token_type: 'Always `bearer`.',
  'AcquisitionSeries.total': 'The number of contacts created in the whole window.',
  'Tally.total': 'The number of sets.',
  'ApiKeyEvent.type': 'What happened to the key.',
  'ContactChange.type': 'What happened to the contact.',
  'HistoryEntry.type':
    'A trigger of Sinch (`CONTACT_…`), or an action of the service (with a dot in its name).',
  'Problem.type': 'The page that explains the `code`.',
  tz: 'The time zone of the intervals.',
  unchanged: 'Contacts that were the same in the mirror and at Sinch.',
  value: 'The value of the field that `group_by` names; null for `none` and `rest`.',
  values: 'The value of each member.',
  version: 'Nanoseconds since the epoch in decimal digits: compare as integers.',
  warnings: 'What the merge would lose. It is allowed all the same.',
};
