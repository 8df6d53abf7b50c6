import type { Block, Inline, List } from '../../src/widget/markdown/parse/ast.ts'
import { createMarkdownParser } from '../../src/widget/markdown/parse/markdown-parser.ts'

/** The parsed Markdown as HTML, in the form of the CommonMark specification. */
export function markdownToHtml(source: string): string {
  return blocksToHtml(createMarkdownParser().update(source).children)
}

export function blocksToHtml(blocks: readonly Block[]): string {
  return blocks.map((block) => blockToHtml(block)).join('\n')
}

function blockToHtml(block: Block, list?: List): string {
  switch (block.type) {
    case 'paragraph': {
      const text = inlinesToHtml(block.children)
      return list && !list.isLoose ? text : `<p>${text}</p>`
    }
    case 'heading':
      return `<h${block.level}>${inlinesToHtml(block.children)}</h${block.level}>`
    case 'code': {
      const language = block.language === '' ? '' : ` class="language-${escape(block.language)}"`
      const text = block.lines === 0 ? '' : `${escape(block.source)}\n`
      return `<pre><code${language}>${text}</code></pre>`
    }
    case 'quote':
      return `<blockquote>\n${blocksToHtml(block.children)}\n</blockquote>`
    case 'list': {
      const isOrdered = /[.)]/.test(block.mark)
      const start = block.start === 1 ? '' : ` start="${block.start}"`
      const items = block.children.map((item) => blockToHtml(item, block)).join('\n')
      return isOrdered ? `<ol${start}>\n${items}\n</ol>` : `<ul>\n${items}\n</ul>`
    }
    case 'item':
      return `<li>${block.children.map((child) => `\n${blockToHtml(child, list)}`).join('')}\n</li>`
    case 'table': {
      const rows = block.children.map((row, index) => {
        const tag = index === 0 ? 'th' : 'td'
        const cells = row.cells.map((cell, column) => {
          const align = block.align[column] ? ` align="${block.align[column]}"` : ''
          return `<${tag}${align}>${inlinesToHtml(cell)}</${tag}>`
        })
        return `<tr>${cells.join('')}</tr>`
      })
      return `<table>${rows.join('')}</table>`
    }
    case 'rule':
      break
  }
  return '<hr />'
}

function inlinesToHtml(inlines: readonly Inline[], isInLink = false): string {
  return inlines
    .map((inline) => {
      if (typeof inline === 'string') return escape(inline)
      if (inline.type === 'br') return '<br />\n'
      // The label of a forbidden link, and a link in a link.
      if (inline.type === 'span' || (inline.type === 'a' && isInLink)) {
        return inlinesToHtml(inline.children, isInLink)
      }
      const href = inline.type === 'a' ? ` href="${escape(inline.href)}"` : ''
      return `<${inline.type}${href}>${inlinesToHtml(inline.children, isInLink || inline.type === 'a')}</${inline.type}>`
    })
    .join('')
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
