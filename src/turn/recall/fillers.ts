const setOf = (list: string): ReadonlySet<string> => new Set(list.split(' '))

/** Words of requests, as written in lower case. Turns store them, but no query has them. Few, since the Worker is small. */
export const fillers = setOf(
  'could would please tell remind something know like want bitte können sagen einmal welche welchen welcher ihnen puedes favor plaît favore',
)

/** Words of thanks, assent and greeting, which no query has either. */
export const courtesies = setOf(
  'ok okay thank thanks you very much hi hello yes no danke vielen dank ja nein merci oui gracias si sí hola grazie obrigado спасибо 谢谢 好的 ありがとう はい شكرا',
)

/** Of most scripts, Chinese and Japanese, Arabic and Greek. */
export const questionMark = /[?？؟\u037e]/
