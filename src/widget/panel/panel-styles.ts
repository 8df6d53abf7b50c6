import markdown from '../markdown/markdown.css'
import composer from './composer.css'
import messageLog from './message-log.css'
import message from './message.css'
import panel from './panel.css'

/** The styles of the panel. The list of past chats is a chunk of its own and brings its own stylesheet. */
export const panelStyles = panel + messageLog + message + composer + markdown
