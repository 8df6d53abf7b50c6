select "checkpoint_turn"($1) as result;
-- returns:
--   result text
