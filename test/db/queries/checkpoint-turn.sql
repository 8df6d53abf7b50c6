update messages
set content = $1, token_count = $2, turn_tokens = $3, turn_tokens_bound = $4,
  lease_expires_at = statement_timestamp() + $5 * interval '1 millisecond'
where session_id = $6 and id = $7 and status = 'streaming' and lease = $8
returning stop_requested;
