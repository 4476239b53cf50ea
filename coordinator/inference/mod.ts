// A saved model in use: which one, what it answers, and what the answers say of it.
export { jsonOf, textOf } from "./answer_line.ts";
export { type AnswerOptions, answersTo, type FileAnswer, type LoadedFile } from "./answers.ts";
export { contactSheet, type SheetOptions } from "./contact_sheet.ts";
export { type Evaluation, evaluationOf, type ImageAnswer } from "./evaluation.ts";
export { evaluationLines } from "./evaluation_text.ts";
export { type ModelChoice, readSavedModel, type SavedModel } from "./saved_model.ts";
