/**
 * Words that say nothing of what a text is about, without accents. English is the whole list of the Snowball project
 * (snowballstem.org, BSD licence), as PostgreSQL has it. The other lists are the most frequent words of the project's
 * lists. They lack words that mean something in another of these languages, such as German `war` and French `son`.
 */
const lists = [
  'i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its itself they them their theirs themselves what which who whom this that these those am is are was were be been being have has had having do does did doing a an the and but if or because as until while of at by for with about against between into through during before after above below to from up down in out on off over under again further then once here there when where why how all any both each few more most other some such no nor not only own same so than too very s t can will just don should now',
  'aber als auch auf aus bei bin bis bist da damit dann das dass dein deine dem den der des dich dir du durch ein eine einem einen einer eines er es fuer habe haben hat hatte hier ich ihm ihn ihr ihre ihrem ihren im ist kann kein keine mein meine meinem meinen meiner mich mir mit nach nicht noch nur ob oder sehr sein seine sich sie sind und uns unser vom von waren wenn werden wie wir wird wo zu zum zur ueber fur uber welche welcher welches',
  'au aux avec ce ces cette dans de des du elle en est et eux il ils je la le les leur lui mais mes moi ne nos notre nous ou par pas pour qu que quel quelle qui sa se ses sont suis sur ta te tes toi tu un une vos votre vous ai avez avons etait etes ont',
  'al como cual cuando de del donde el ella ellos en era esa ese eso esta estas este esto estoy fue ha hay he la las lo los mas mi mis muy nos o para pero por porque que quien se ser si su sus tambien te tengo tiene tu tus un una uno y ya yo',
  'ai al alla anche che chi ci come con cui da dal dalla dei del della delle di dove e gli ha hai hanno ho il io la le lei lo loro lui ma mi mia mie mio nel nella non per perche piu quale quando quanto quella quello questa questo sono sua suo ti tra tu tua tuo un una',
  'ao aos as com como da das de do dos e ela ele em entre essa esse esta este eu foi isso isto ja mais mas me meu meus minha minhas muito na nao nas no nos num numa o os ou para pela pelo por qual quando que quem se seu seus sua tem tenho um uma voce',
  'aan als bij dan dat de deze die dit een en er geen had heb hebben heeft het hij hoe ik in is je kan maar me met mijn naar niet nog om onder ook op over te tot u uit uw van voor waar wat wel welke wie worden wordt ze zich zijn zo zou',
  'без бы был была были было быть вам вас вот все вы где да для до его ее если есть еще же за и из или им их к как какая какие какой когда кто ли меня мне мой моя мы на над не него нее нет ни но о об он она они от по при с со так там то того тоже только ты у уже что чтобы эта это этот я',
]

export const stopWords: ReadonlySet<string> = new Set(lists.flatMap((list) => list.split(' ')))
