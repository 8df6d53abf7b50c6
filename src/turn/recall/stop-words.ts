/**
 * Words that say nothing of what a text is about, in lower case and without accents. English is the whole list of the
 * Snowball project (snowballstem.org, 3-clause BSD licence) as PostgreSQL has it. The other lists are the most frequent
 * words of the project's lists, without those that mean something in another language, such as "war", "son", "sin",
 * "van" and "hat". Each word is in one list only, and single letters are in none: they are no words anyway.
 */
const lists = [
  'me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself they them their theirs themselves what which who whom this that these those am is are was were be been being have has had having do does did doing an the and but if or because as until while of at by for with about against between into through during before after above below to from up down in out on off over under again further then once here there when where why how all any both each few more most other some such no nor not only own same so than too very can will just don should now',
  'aber als auch auf aus bei das dass dein deine dem der des dich dir du ein eine einem einen einer er es habe haben ich ihr im ist kann kein keine mein meine meinem meinen mich mir mit nach nicht noch nur oder sehr sein sich sie sind uber und uns unser von waren wenn werden wie wir wird wo zu zum zur',
  'au aux avec ce ces cette dans de elle en est et il ils je la le les leur lui mais mes moi ne nos notre nous ou par pas pour qu que quel quelle qui sa se ses sont sur te toi tu un une vos votre vous',
  'al como cual cuando del donde el ella esa ese eso esta este esto fue ha las lo los mas mi mis muy para pero por porque su sus tambien tengo tiene una ya yo',
  'alla anche che chi ci con cui da dal della di gli ho io lei loro ma mio nel nella non per perche piu quale quando quanto questa questo sono sua suo ti tra tua tuo',
  'ao aos com dos ela ele em essa esse foi isso ja meu minha muito na nas num numa pela pelo qual quem seu tem tenho um uma voce',
  'aan bij dat deze dit een geen heb hebben heeft het hij hoe ik kan maar met mijn naar niet nog om onder ook uit uw voor waar wat wel welke wordt ze zich zijn',
  'без бы был была были было быть вам вас вот все вы где да для до его ее если есть еще же за из или их как какая какие какой когда кто ли меня мне мой моя мы на над не него нее нет ни но об он она они от по при со так там то того тоже только ты уже что чтобы эта это этот',
]

export const stopWords: ReadonlySet<string> = new Set(lists.flatMap((list) => list.split(' ')))

/** Words of Chinese and Thai that say nothing, as NFKC has them: they part a phrase. */
export const stopPhrases =
  /[什甚怎][么麼]|怎样|哪[里裡儿个個]|多少|可以|[没沒]有|[的了吗嗎呢吧们們我你您他她是这這那]|เมื่อไหร่|เท่าไหร่|เท่าไร|อย่างไร|อะไร|ที่ไหน|ทําไม|ใคร|ครับ|ค่ะ|ฉัน|ผม|คุณ|ของ|ที่|และ|หรือ|เป็น|อยู่|ได้|ไม่|ให้|แล้ว/u
