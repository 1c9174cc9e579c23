/** `client.js` is embedded as it is. */
declare const text: string;
export default text;
