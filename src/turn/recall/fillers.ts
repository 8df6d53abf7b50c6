const setOf = (list: string): ReadonlySet<string> => new Set(list.split(' '))

/** Words of requests, as written in lower case. Turns store them, but no query has them. */
export const fillers = setOf(
  'could would please tell remind something know like want bitte können sagen einmal welche welchen ihnen puedes decirme favor pouvez plaît favore فضلك',
)

/** Words of thanks, assent and greeting, which no query has either. */
export const courtesies = setOf(
  'ok okay thank thanks you very much hi hello yes no danke vielen dank ja nein hallo merci oui gracias si sí hola grazie ciao obrigado спасибо 谢谢 好的 ありがとう はい شكرا 감사합니다',
)

/** Of most scripts, Chinese and Japanese, Arabic and Greek. */
export const questionMark = /[?？؟\u037e]/
