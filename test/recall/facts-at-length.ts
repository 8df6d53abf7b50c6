/** A fact that a visitor states, and a question about it that is asked 5, 200 and 20,000 turns later. */
export interface FactAtLength {
  /** The part of the message that answers the question. */
  answer: string
  message: string
  reply: string
  question: string
}

type ThreeFacts = readonly [FactAtLength, FactAtLength, FactAtLength]

/** By script; in each the first is asked for after 5 turns, the second after 200, the third after 20,000. */
export const factsAtLength = {
  English: [
    {
      answer: 'Tuesday at half past two',
      message: 'The plumber comes on Tuesday at half past two, so ring me before that.',
      reply: 'Noted. We ring you before the plumber arrives.',
      question: 'when was the plumber coming again?',
    },
    {
      answer: 'walnut',
      message:
        'My grandmother left me a piano, and its case is walnut. It has to survive the removal.',
      reply: 'We wrap instruments in two blankets and carry them upright.',
      question: "What kind of wood is my grandmother's piano made of?",
    },
    {
      answer: 'Rex',
      message:
        'We adopted a greyhound from the shelter in June. He is called Rex and is afraid of thunder.',
      reply: 'Congratulations! A quiet corner without windows helps during a storm.',
      question: "What's our greyhound called, the one from the shelter?",
    },
  ],
  German: [
    {
      answer: 'Hofeinfahrt',
      message: 'Der Container soll bitte in die Hofeinfahrt, nicht auf den Gehweg.',
      reply: 'Verstanden, wir stellen ihn in die Einfahrt.',
      question: 'Wohin sollte der Container gestellt werden?',
    },
    {
      answer: '1987',
      message:
        'Unsere Heizung stammt von 1987, der Schornsteinfeger hat sie gerade noch einmal abgenommen.',
      reply: 'Dann lohnt sich ein Angebot für eine neue Anlage.',
      question: 'Aus welchem Jahr ist unsere Heizung, die der Schornsteinfeger geprüft hat?',
    },
    {
      answer: 'Haselnüsse',
      message:
        'Meine Tochter Frieda verträgt keine Haselnüsse, beim Kindergeburtstag bitte daran denken.',
      reply: 'Wir backen den Kuchen dann mit Kokos.',
      question: 'Was verträgt Frieda nicht? Es geht wieder um einen Kindergeburtstag.',
    },
  ],
  Japanese: [
    {
      answer: '三階の会議室',
      message: '打ち合わせは三階の会議室でお願いします。プロジェクターも使います。',
      reply: 'かしこまりました。準備しておきます。',
      question: '打ち合わせの場所はどこでしたか。',
    },
    {
      answer: '柴犬',
      message: '去年から柴犬を飼っていて、散歩は朝の五時半です。',
      reply: '早起きですね。朝の散歩は気持ちがいいでしょう。',
      question: '散歩に連れて行く犬の種類を覚えていますか。去年から飼っている子です。',
    },
    {
      answer: '二十七センチ',
      message: '息子の上履きのサイズは二十七センチになりました。中学校の指定のものが必要です。',
      reply: '指定の上履きは二十八センチまでご用意がございます。',
      question: '息子の上履きのサイズはいくつでしたか。',
    },
  ],
  Chinese: [
    {
      answer: '下个星期三',
      message: '装修队下个星期三进场，请把瓷砖提前送到。',
      reply: '好的，瓷砖会在前一天送到。',
      question: '装修队哪天进场？',
    },
    {
      answer: '朝北',
      message: '我家阳台朝北，冬天几乎晒不到太阳，想养点耐阴的植物。',
      reply: '可以试试绿萝和龟背竹，都很耐阴。',
      question: '我家阳台是什么朝向？推荐植物用得上。',
    },
    {
      answer: '青霉素',
      message: '老人对青霉素过敏，药箱里千万别放这一类的药。',
      reply: '记下了，药箱里不放青霉素类的药。',
      question: '老人对什么过敏？重新配药箱要用。',
    },
  ],
  Thai: [
    {
      answer: 'สีเขียวมะกอก',
      message: 'ผ้าม่านห้องนอนขอเป็นสีเขียวมะกอกนะคะ',
      reply: 'รับทราบค่ะ สั่งผ้าให้แล้ว',
      question: 'ผ้าม่านห้องนอนเลือกสีอะไรไว้คะ',
    },
    {
      answer: 'เชียงราย',
      message: 'ร้านกาแฟของเราอยู่ที่เชียงราย เปิดมาสามปีแล้ว',
      reply: 'ยินดีด้วยค่ะ ลูกค้าคงติดใจรสชาติ',
      question: 'ร้านกาแฟของเราอยู่จังหวัดไหนคะ',
    },
    {
      answer: 'กุ้ง',
      message: 'น้องมะลิแพ้กุ้งอย่างรุนแรง งานเลี้ยงวันเกิดขอเมนูอื่น',
      reply: 'ครัวจะแยกเมนูให้ค่ะ',
      question: 'น้องมะลิแพ้อะไรคะ จะจัดงานเลี้ยงวันเกิดอีก',
    },
  ],
  Arabic: [
    {
      answer: 'الباب الخلفي',
      message: 'يدخل العمال من الباب الخلفي لأن المصعد معطل هذا الأسبوع.',
      reply: 'حسناً، سنخبر العمال بذلك.',
      question: 'من أين يدخل العمال؟',
    },
    {
      answer: 'فيروزي',
      message: 'اخترنا لغرفة الجلوس سجاداً فيروزياً حتى يناسب الستائر.',
      reply: 'اختيار جميل، وسيصل السجاد قريباً.',
      question: 'ما لون السجاد الذي اخترناه لغرفة الجلوس؟',
    },
    {
      answer: 'نابلس',
      message: 'جدتي تعيش في نابلس وترسل لنا الصابون كل شتاء.',
      reply: 'الصابون البلدي مشهور بجودته.',
      question: 'في أي مدينة تعيش جدتي التي ترسل الصابون؟',
    },
  ],
  'mixed script': [
    {
      answer: 'Großmarkthalle',
      message: '展示会は Großmarkthalle の Halle 3 です。Please bring the роутер with you.',
      reply: 'わかりました, the роутер is packed.',
      question: '展示会 in which hall, and who brings the роутер?',
    },
    {
      answer: 'K-9004',
      message: 'Das Ersatzteil für den Scanner heißt K-9004, メーカー is 富士精機.',
      reply: 'K-9004 von 富士精機 ist bestellt.',
      question: 'Which Ersatzteil for the Scanner did we need from 富士精機?',
    },
    {
      answer: 'Ольга',
      message: 'My contact in 台北 is Ольга, she answers in русский or 中文.',
      reply: 'Спасибо, I will write to her.',
      question: 'Who was our contact in 台北, the one who answers in русский?',
    },
  ],
} as const satisfies Record<string, ThreeFacts>

export type Script = keyof typeof factsAtLength

/** The question has one uncommon word, which the turn lacks, and three common ones, which no other turn has together. */
export const factOfCommonWords: FactAtLength = {
  answer: 'without an invoice',
  message: 'The delivery on Friday comes without an invoice.',
  reply: 'Noted, we will not wait for one.',
  question: 'For the marmalade, was the delivery on Friday with an invoice?',
}
