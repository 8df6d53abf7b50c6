import { patchChildren, type VirtualNode } from './dom.ts'
import { parseMarkdown } from './markdown.ts'
import type { Block, Inline } from './markdown-ast.ts'

/**
 * Shows Markdown in `root` while it grows. Blocks that nothing to come can change are frozen:
 * neither parsed nor touched again; the last one is patched in place. Text and elements only, so
 * what the model writes can neither run nor load anything.
 */
export function createMarkdownView(root: HTMLElement): { update(text: string): void } {
  let shown = ''
  let frozenLength = 0
  let frozenBlocks = 0
  return {
    update(text) {
      if (!text.startsWith(shown)) {
        frozenLength = 0
        frozenBlocks = 0
      }
      shown = text
      const tail = text.slice(frozenLength)
      const parsed = parseMarkdown(tail)
      const virtual = parsed.map(({ block }) => blockNode(block))
      patchChildren(root, virtual, frozenBlocks)
      // A block is finished once the line that begins the next one is whole.
      const lastLine = tail.split('\n').length - 1
      const open = parsed.findLast(({ line }) => line < lastLine)
      if (!open) return
      frozenLength += open.offset
      frozenBlocks += parsed.indexOf(open)
    },
  }
}

function blockNode(block: Block): VirtualNode {
  switch (block.type) {
    case 'paragraph':
      return { tag: 'p', children: block.children.map(inlineNode) }
    case 'heading':
      // The dialog's own heading is an h2.
      return { tag: `h${Math.min(6, block.level + 2)}`, children: block.children.map(inlineNode) }
    case 'code':
      return { tag: 'pre', attributes: { tabindex: '0' }, children: [codeNode(block.text)] }
    case 'list':
      return {
        tag: block.ordered ? 'ol' : 'ul',
        attributes: block.ordered ? { start: String(block.start) } : {},
        children: block.items.map((item) => ({ tag: 'li', children: itemNodes(item) })),
      }
    case 'quote':
      return { tag: 'blockquote', children: block.children.map(blockNode) }
    case 'rule':
      break
  }
  return { tag: 'hr', children: [] }
}

/** A paragraph that begins an item is the item's own text, as in a tight list. */
function itemNodes(item: Block[]): VirtualNode[] {
  return item.flatMap((block, index) =>
    index === 0 && block.type === 'paragraph' ? block.children.map(inlineNode) : [blockNode(block)],
  )
}

function inlineNode(inline: Inline): VirtualNode {
  switch (inline.type) {
    case 'text':
      return inline.text
    case 'code':
      return codeNode(inline.text)
    case 'break':
      break
    case 'strong':
    case 'emphasis':
    case 'strike': {
      const tags = { strong: 'strong', emphasis: 'em', strike: 'del' }
      return { tag: tags[inline.type], children: inline.children.map(inlineNode) }
    }
    case 'link':
      return {
        tag: 'a',
        attributes: { href: inline.href, target: '_blank', rel: 'noopener noreferrer' },
        children: inline.children.map(inlineNode),
      }
  }
  return { tag: 'br', children: [] }
}

const codeNode = (text: string): VirtualNode => ({ tag: 'code', children: [text] })
