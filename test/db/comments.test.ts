import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { testDatabase } from '../rigs/conversation.ts'

/**
 * Everything of our schema that has no comment. The index of a constraint may have its comment there; that of a primary
 * key needs none.
 */
const uncommented = sql<{ name: string }>`
with ours as (
  select oid, relname, relkind from pg_class where relnamespace = 'public'::regnamespace
)
select format('table %s', relname) as name from ours
where relkind in ('r', 'p', 'v', 'm', 'f') and obj_description(oid, 'pg_class') is null
union all
select format('column %s.%s', relname, attname) from ours join pg_attribute on attrelid = ours.oid
where relkind in ('r', 'p', 'v', 'm', 'f') and attnum > 0 and not attisdropped
  and col_description(attrelid, attnum) is null
union all
select format('index %s', relname) from ours
left join pg_constraint on conindid = ours.oid and contype <> 'f'
where relkind in ('i', 'I') and contype is distinct from 'p' and obj_description(ours.oid, 'pg_class') is null
  and obj_description(pg_constraint.oid, 'pg_constraint') is null
union all
select format('function %s', proc.oid::regprocedure) from pg_proc proc
where pronamespace = 'public'::regnamespace and obj_description(proc.oid, 'pg_proc') is null
union all
select format('type %s', typname) from pg_type
where typnamespace = 'public'::regnamespace and obj_description(pg_type.oid, 'pg_type') is null
  and (typtype in ('e', 'd') or (typtype = 'c' and typrelid in (select oid from ours where relkind = 'c')))
order by 1`

test('every table, column, index, function and type of the schema has a comment', async () => {
  const { rows } = await uncommented.execute(testDatabase().kysely)
  expect(rows.map(({ name }) => name)).toEqual([])
})
