select "id" from "sessions" where "id" = $1 and "user_id" = $2;

with nearest as (
  
select * from messages
where session_id = $1 and status <> 'superseded' and seq < $2
order by seq desc limit $3
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
where place <= $4 and (place = 1 or bytes <= $5)
  and exists (select from sessions where id = $6 and user_id = $7)
order by seq;
