/**
 * The syntax tree of a Markdown text that is still growing. The first `settled` children of a node are final: no
 * further text changes them.
 */
interface Growing<Child> {
  children: Child[]
  settled: number
  /** How many of the settled children the view has drawn. */
  drawn: number
}

export interface Document extends Growing<Block> {
  type: 'document'
  /** The number of cells in all tables. */
  cells: number
}
export interface Quote extends Growing<Block> {
  type: 'quote'
}
export interface List extends Growing<Block> {
  type: 'list'
  /** The bullet, or the character after each number. */
  mark: string
  start: number
  /** Blank lines separate its items, or the blocks of an item. */
  isLoose: boolean
}
export interface Item extends Growing<Block> {
  type: 'item'
  /** The column of its marker. */
  offset: number
  /** The column of its text. */
  indent: number
}
export interface Paragraph extends Growing<Inline> {
  type: 'paragraph'
  source: string
  /** The last line of the source. */
  line: string
  /** The beginning of the part that is not settled. */
  start: InlineStart
}
export interface Heading extends Growing<Inline> {
  type: 'heading'
  level: number
}
export interface Code extends Growing<never> {
  type: 'code'
  source: string
  lines: number
  /** The name in the text, or empty. */
  language: string
  fence: string
  indent: number
  isClosed: boolean
}
/** The first row is the head. */
export interface Table extends Growing<Row> {
  type: 'table'
  align: Align[]
}
export interface Row extends Growing<never> {
  type: 'row'
  cells: Inline[][]
}
export interface Rule extends Growing<never> {
  type: 'rule'
}

export type Container = Document | Quote | List | Item
export type Leaf = Paragraph | Heading | Code | Table | Rule
export type Block = Quote | List | Item | Leaf
export type Align = 'left' | 'center' | 'right' | ''

/** A place in the source, and the text right before it that forms one text node with what follows. */
export interface InlineStart {
  at: number
  text: string
}

/** A text, in which `\n` is a line break of the source and is shown as one, or an HTML element. */
export type Inline = string | InlineElement
export type InlineElement =
  // A `span` is the label of a link to a forbidden address.
  | { type: 'strong' | 'em' | 'del' | 'code' | 'br' | 'span'; children: Inline[] }
  | { type: 'a'; href: string; children: Inline[] }
