select next_context($1) as result;
-- returns:
--   result json
