/* hands.ts - what opens under people's hands: loaded when the page stands, before anybody can ask for it. */
export { showNotices } from './notices-list.ts';
export { pickDashboard } from './picker-box.ts';
export { chooseTime } from './time-choice.ts';
export { chooseValue } from './variable-choice.ts';
