import markdown from '../markdown/markdown.css'
import composer from './composer.css'
import messageLog from './message-log.css'
import message from './message.css'
import panel from './panel.css'

/** The styles of everything in the panel but the past chats, which bring their own. */
export const panelStyles = panel + messageLog + message + composer + markdown
