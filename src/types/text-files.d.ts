/** Files that are embedded as text: `import text from "./style.css" with { type: "text" }`. */
declare module "*.css" {
  const text: string;
  export default text;
}
