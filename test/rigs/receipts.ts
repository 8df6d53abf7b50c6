import type { Receipt } from '../../src/protocol-receipt.ts'

/** The receipt of a reply in a long session: a part of each kind, turns of different lengths, and turns left out. */
export function longReceipt(changes: Partial<Receipt> = {}): Receipt {
  const turnTokens = [120, 480, 60, 900]
  return {
    reply_id: crypto.randomUUID(),
    model: 'gpt-4.1-mini',
    tokens: { system: 250, turns: 1560, recalled: 210, message: 40, overhead: 11, total: 2071 },
    usage: { prompt_tokens: 1988, completion_tokens: 120, cached_tokens: 1280 },
    counts: 'bound',
    window: { from_seq: 41, turns: 4 },
    cacheable_tokens: 1664,
    words: ['called', 'dog'],
    parts: [
      { part: 'system', reason: 'always', tokens: 250 },
      ...turnTokens.map((tokens, index) => ({
        part: 'turn' as const,
        reason: 'newest_turns' as const,
        seq: 41 + 2 * index,
        reply_seq: 42 + 2 * index,
        tokens,
        exact: index > 0,
        messages: [
          { role: 'user' as const, content: `Question ${index + 1}` },
          { role: 'assistant' as const, content: `Reply ${index + 1}` },
        ],
      })),
      {
        part: 'recalled',
        reason: 'relevant',
        tokens: 210,
        turns: [
          {
            seq: 3,
            reply_seq: 4,
            created_at: '2026-09-03T10:00:00.000Z',
            because: 'words',
            matched: ['called', 'dog'],
            cut: true,
            messages: [
              { role: 'user', content: 'My dog is called Rex.' },
              { role: 'assistant', content: 'Noted: your dog is called Rex.' },
            ],
          },
          {
            seq: 5,
            reply_seq: 6,
            created_at: '2026-09-04T10:00:00.000Z',
            because: 'beside',
            matched: [],
            cut: false,
            messages: [
              { role: 'user', content: 'He is brown.', context_text: 'Colours: brown' },
              { role: 'assistant', content: 'A brown one, then.' },
            ],
          },
        ],
        elsewhere: 1,
      },
      {
        part: 'message',
        reason: 'asked',
        seq: 49,
        tokens: 40,
        messages: [{ role: 'user', content: 'What is my dog called?' }],
      },
    ],
    left_out: [
      { from_seq: 46, to_seq: 46, turns: 1, reason: 'failed' },
      { from_seq: 2, to_seq: 40, turns: 18, reason: 'older_than_window' },
    ],
    ...changes,
  }
}
