/** Text as people see it: what shows nothing, and where it may be cut. The Worker and the widget share these rules. */

/**
 * Spaces, line ends, control characters, and characters that show nothing by themselves: zero-width ones, variation
 * selectors, fillers, tags, the blank Braille pattern, interlinear anchors.
 */
const blankFormat = /^[\s\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]*$/u

/** Whether a reader would see nothing of it. */
export function isBlank(text: string): boolean {
  return blankFormat.test(text)
}

/**
 * The beginning of a text, at most `maxChars` UTF-16 units. It ends between two characters as readers count them
 * (grapheme clusters, UAX #29): an emoji, a flag, a letter with its marks and a syllable stay whole. Only a character
 * that is longer than `maxChars` itself is cut, between two code points.
 */
export function cutText(text: string, maxChars: number): string {
  if (text.length <= maxChars) return text
  const end = clusterStart(text, maxChars)
  return end > 0 ? text.slice(0, end) : text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, '')
}

/** As `cutText`, with an ellipsis as its last character if something was cut. */
export function abbreviate(text: string, maxChars: number): string {
  return text.length <= maxChars ? text : `${cutText(text, maxChars - 1)}…`
}

/** A text without the characters at its ends that show nothing. */
export function trimBlank(text: string): string {
  let start = 0
  for (const { segment } of segmentsOf(text)) {
    if (!isBlank(segment)) break
    start += segment.length
  }
  let end = text.length
  while (end > start) {
    const last = clusterStart(text, end - 1)
    if (!isBlank(text.slice(last, end))) break
    end = last
  }
  return text.slice(start, end)
}

/** The beginning of the character that contains a UTF-16 unit. */
function clusterStart(text: string, unit: number): number {
  return segmentsOf(text).containing(unit)?.index ?? unit
}

/** Not made once for all: in a module, it would delay the start of every page with the widget. */
function segmentsOf(text: string): Intl.Segments {
  return new Intl.Segmenter('en', { granularity: 'grapheme' }).segment(text)
}
