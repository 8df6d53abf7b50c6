import type { Words } from './words.ts'

type Translation = { words: Words }

/** Each a file of its own, loaded where a page asks for it. */
const translations: Record<string, () => Promise<Translation>> = {
  ar: () => import('./words/ar.ts'),
  de: () => import('./words/de.ts'),
  es: () => import('./words/es.ts'),
  fr: () => import('./words/fr.ts'),
  ja: () => import('./words/ja.ts'),
  pt: () => import('./words/pt.ts'),
  zh: () => import('./words/zh.ts'),
}

/** By a language tag such as `pt-BR`; `undefined` where there is no such translation. */
export function findTranslation(tag: string): (() => Promise<Translation>) | undefined {
  const [language = ''] = tag.toLowerCase().split('-')
  return Object.hasOwn(translations, language) ? translations[language] : undefined
}
