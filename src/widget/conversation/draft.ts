import type { Turn } from '../client/chat-client.ts'
import type { SiteStore } from '../client/site-store.ts'
import type { Composer } from '../panel/composer.ts'

export interface Draft {
  save: (text: string, quotation: string | undefined) => void
  /** Puts an unsent message back into the composer, above any text typed since. */
  giveBack: (turn: Pick<Turn, 'message' | 'contextText'>) => void
}

/** Keeps the unsent text of the composer in the store, so that it survives a reload. */
export function createDraft(store: SiteStore, composer: Composer): Draft {
  composer.setText(store.get('draft') ?? '')
  composer.setQuotation(store.get('quotation'))

  function save(text: string, quotation: string | undefined): void {
    store.set('draft', text === '' ? undefined : text)
    store.set('quotation', quotation)
    dropClaim(store)
  }

  return {
    save,
    giveBack({ message, contextText }) {
      composer.setText([message, composer.readText()].filter(Boolean).join('\n'))
      if (!composer.readQuotation()) composer.setQuotation(contextText)
      save(composer.readText(), composer.readQuotation())
    },
  }
}

/** Ends a claim that was not finished: the words since may be those of somebody else. */
export function dropClaim(store: SiteStore): void {
  store.set('claim', undefined)
}
