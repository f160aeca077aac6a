-- One line for each thing that the migrations make, in an order that does not depend on when it was made. Names of roles are
-- written without the eight digits that each database has for itself.
select line
from (
  select 1 as kind, table_name || '.' || lpad(ordinal_position::text, 2, '0') as place,
         format('column     %s.%s %s%s%s%s', table_name, column_name,
                format_type(a.atttypid, a.atttypmod),
                case when c.collation_name is not null then ' collate ' || c.collation_name else '' end,
                case when is_nullable = 'NO' then ' not null' else '' end,
                coalesce(' default ' || column_default, ' generated as ' || generation_expression,
                         case when is_identity = 'YES' then ' identity' else '' end)) as line
  from information_schema.columns c
  join pg_attribute a on a.attrelid = format('%I.%I', table_schema, table_name)::regclass and a.attname = column_name
  where table_schema = 'public' and table_name <> 'migration'
  union all
  select 2, conrelid::regclass || conname, format('constraint %s %s: %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint
  where connamespace = 'public'::regnamespace and conrelid <> 0 and conrelid::regclass::text <> 'migration' and contype <> 'n'
  union all
  select 3, tablename || indexname, format('index      %s', indexdef)
  from pg_indexes
  where schemaname = 'public' and tablename <> 'migration'
  union all
  select 4, tgname, format('trigger    %s enabled=%s', pg_get_triggerdef(oid), tgenabled)
  from pg_trigger
  where not tgisinternal
  union all
  select 5, proname, format('function   %s', regexp_replace(pg_get_functiondef(oid), '\s+', ' ', 'g'))
  from pg_proc
  where pronamespace = 'public'::regnamespace and not exists (select from pg_depend where objid = pg_proc.oid and deptype = 'e')
  union all
  select 6, table_schema || table_name || privilege_type || regexp_replace(grantee, '_[0-9a-f]{8}$', ''), format('grant      %s on %s to %s', privilege_type,
                                                 case when table_schema <> 'public' then table_schema || '.' else '' end || table_name, regexp_replace(grantee, '_[0-9a-f]{8}$', ''))
  from information_schema.table_privileges
  where grantee ~ '^mirror_(service|reader)(_|$)'
  union all
  select 7, table_name || column_name, format('grant      %s (%s) on %s to %s', privilege_type, column_name, table_name, regexp_replace(grantee, '_[0-9a-f]{8}$', ''))
  from information_schema.column_privileges p
  where grantee ~ '^mirror_(service|reader)(_|$)'
    and not exists (select from information_schema.table_privileges t
                    where (t.table_name, t.grantee, t.privilege_type) = (p.table_name, p.grantee, p.privilege_type))
  union all
  select 8, viewname, format('view       %s.%s as %s', schemaname, viewname, regexp_replace(definition, '\s+', ' ', 'g'))
  from pg_views
  where schemaname !~ '^pg_' and schemaname not in ('information_schema', 'public')
  union all
  select 9, tablename || policyname, format('policy     %s on %s for %s to %s using %s', policyname, tablename, lower(cmd), regexp_replace(roles[1], '_[0-9a-f]{8}$', ''), qual)
  from pg_policies
  where schemaname = 'public'
) listing
order by kind, place collate "C", line collate "C"
