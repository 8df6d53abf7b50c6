select "id" from "sessions" where "id" = $1 and "user_id" = $2;

with nearest as (
  select * from ((
select * from messages
where session_id = $1 and status <> 'superseded' 
order by seq desc limit $2) union all (
select * from messages
where session_id = $3 and status = 'superseded' 
order by seq desc limit $4)) merged order by seq desc limit $5
), page as (
  select *, row_number() over walk as place, count(*) over ()::integer as fetched,
    sum(octet_length(content) + coalesce(octet_length(context_text), 0)) over walk as bytes
  from nearest window walk as (order by seq desc)
)
select *, 
case
  when status <> 'streaming' or lease_expires_at > statement_timestamp() then status
  when content = '' then 'failed'
  else 'interrupted'
end as "current_status" from page
where place <= $6 and (place = 1 or bytes <= $7)
  and exists (select from sessions where id = $8 and user_id = $9)
order by seq;
