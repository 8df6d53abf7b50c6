update messages
set content = case when octet_length(content) > octet_length($1::text) then content else $2 end,
  token_count = greatest(token_count, $3), turn_tokens = greatest(turn_tokens, $4),
  turn_tokens_bound = greatest(turn_tokens_bound, $5),
  lease_expires_at = statement_timestamp() + $6 * interval '1 millisecond'
where session_id = $7 and id = $8 and status = 'streaming' and lease = $9
returning stop_requested;
-- returns:
--   stop_requested boolean (messages.stop_requested)
