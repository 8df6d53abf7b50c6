-- Records for each reply what the model was sent: the range of its window, and the turns beside it.

alter table messages
  add column recalled integer[],
  add column recalled_tokens integer not null default 0 check (recalled_tokens >= 0),
  add column system_tokens integer check (system_tokens >= 0);

comment on column messages.window_from is 'of a reply: seq of the first message of its window; the window ends before reply_to';
comment on column messages.recalled is 'of a reply: seqs of what the model was sent beside its window; null: nothing';
comment on column messages.recalled_tokens is 'a bound of what that took in the prompt; where it is not 0, prompt_tokens cannot be compared with another reply''s';
comment on column messages.system_tokens is 'of a reply: a bound of the system prompt that the model was sent; null in rows written before this column';
