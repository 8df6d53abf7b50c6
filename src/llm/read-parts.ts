import { partOfEvent, partsOfDocument, type CompletionPart } from './completion-part.ts'
import { readBeginning } from './read-body.ts'
import { readEvents } from './read-events.ts'

/**
 * More than a whole completion of the longest reply takes as JSON. An event or a document that is longer is a fault, so that
 * no answer can fill the memory.
 */
const mostJsonChars = 8 * 1024 * 1024

/** The body is a web page: of a gateway, a sign-in, a wrong URL. */
export class WebPageError extends Error {}

/**
 * Reads an answer, whatever its content type says: a stream of events, or one JSON document from a server that does not
 * stream or that reports an error with status 200. Yields the parts of one network packet at a time.
 * @throws WebPageError, SyntaxError if it is neither
 */
export async function* readParts(
  texts: AsyncGenerator<string, void>,
): AsyncGenerator<CompletionPart[], void> {
  const head = await firstOf(texts)
  const all = joined(head, texts)
  if (head.startsWith('<')) {
    await texts.return()
    throw new WebPageError('The answer is a web page')
  }
  if (/^[{[]/.test(head)) {
    const document = await readBeginning(all, mostJsonChars)
    yield partsOfDocument(document)
    return
  }
  let hasEvents = false
  for await (const events of readEvents(all, mostJsonChars)) {
    hasEvents = true
    const parts = events.map(partOfEvent).filter((part) => part !== undefined)
    if (parts.length > 0) yield parts
  }
  if (!hasEvents) throw new SyntaxError('The answer has no events')
}

/** The first text that is not blank, without what is blank before it: servers send line ends as a sign of life. */
async function firstOf(texts: AsyncGenerator<string, void>): Promise<string> {
  for (;;) {
    const { done, value } = await texts.next()
    if (done) return ''
    const text = value.trimStart()
    if (text !== '') return text
  }
}

async function* joined(
  head: string,
  texts: AsyncGenerator<string, void>,
): AsyncGenerator<string, void> {
  try {
    if (head !== '') yield head
    yield* texts
  } finally {
    // A reader that stops at `head` has not reached `texts`, whose body must be cancelled.
    await texts.return()
  }
}
