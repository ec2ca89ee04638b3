// What users' programs do with the types of typed functions. Compiled, never run.

import { toStandardJsonSchema } from "@valibot/to-json-schema";
import { type } from "arktype";
import { LLMError, type LLMInterface, type Usage } from "lockkeeper";
import { llmChat, llmFunction, LLMFunctionError, tool, type FromSchema } from "lockkeeper/functions";
import * as v from "valibot";
import { z } from "zod";

declare const llm: LLMInterface;

/** Compiles where both are the very same type. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : never;
const same = <Left, Right>(_: Same<Left, Right>): void => {};

// Zod: the value is the schema's output, the arguments are its input.
const summarise = llmFunction({
  llm,
  description: "Summarise the text in at most {words} words, for {{nobody}}. {text}",
  parameters: z.object({ text: z.string(), words: z.number().default(50) }),
  returns: z.object({ title: z.string(), points: z.array(z.string()), at: z.string().transform((text) => new Date(text)) }),
  tools: [],
  maxRepairs: 3,
  timeout: 30,
  options: { temperature: 0, top_k: 1 },
});
const summary = await summarise({ text: "…" }, { signal: new AbortController().signal, timeout: 5, seed: 1 });
same<typeof summary, { title: string; points: string[]; at: Date }>(true);
const { value, trace, usage } = await summarise.run({ text: "…", words: 5 });
same<typeof value, typeof summary>(true);
same<typeof usage, Usage | undefined>(true);
export const answeredBy: string | undefined = trace[0]?.answeredBy?.provider;
const stream = summarise.stream({ text: "…" });
for await (const partial of stream) console.log(partial.points?.[0]?.toUpperCase(), stream.attempt.toFixed());
same<Awaited<typeof stream.value>, typeof summary>(true);

// Arktype and valibot.
const classify = llmFunction({
  llm,
  description: "Classify {text}.",
  parameters: type({ text: "string" }),
  returns: type({ kind: "'good' | 'bad'", "why?": "string" }),
});
const kind: "good" | "bad" = (await classify({ text: "…" })).kind;
const count = llmFunction({ llm, description: "Count the words.", parameters: toStandardJsonSchema(v.object({ text: v.string() })), returns: toStandardJsonSchema(v.number()) });
same<Awaited<ReturnType<typeof count>>, number>(true);
const described = llmFunction({ llm, description: "Count.", returns: { schema: v.number(), jsonSchema: { type: "number" } } });
same<Awaited<ReturnType<typeof described>>, number>(true);

// Plain JSON Schema, as a constant.
const extract = llmFunction({
  llm,
  description: "Extract all people from {text}.",
  parameters: { type: "object", properties: { text: { type: "string" }, limit: { type: "integer" } }, required: ["text"] },
  returns: {
    type: "array",
    items: {
      type: "object",
      properties: { name: { type: "string" }, age: { type: ["integer", "null"] }, role: { enum: ["boss", "other"] } },
      required: ["name", "role"],
    },
  },
});
const people = await extract({ text: "…" });
same<typeof people, { name: string; role: "boss" | "other"; age?: number | null }[]>(true);
same<FromSchema<{ type: "object"; properties: { next: { $ref: "#/$defs/n" } }; $defs: { n: { anyOf: [{ type: "null" }, { const: 1 }] } } }>, { next?: 1 | null }>(true);
same<FromSchema<{ type: "array"; prefixItems: [{ type: "integer" }, { type: "string" }] }>, [number, string]>(true);
same<FromSchema<{ type: "object"; additionalProperties: { type: "number" } }>, { [name: string]: number }>(true);

declare const loaded: Record<string, unknown>;
same<Awaited<ReturnType<typeof made>>, unknown>(true);
const made = llmFunction({ llm, description: "Make one.", returns: loaded });
llmFunction({ llm, description: "Make one.", returns: z.toJSONSchema(z.object({})) });
llmFunction({ llm, description: "Make one.", returns: { title: "One", type: "string", default: "…", "x-mine": 1 } });

// Texts, and no arguments. Descriptions that are made at run time are checked then.
const joke = llmFunction({ llm, description: "Tell a joke." as string });
same<Awaited<ReturnType<typeof joke>>, string>(true);
export const jokes: string[] = [await joke(), await joke({}, { timeout: 5 })];

// Tools and conversations.
const weather = tool({
  name: "weather",
  description: "The weather in a city.",
  parameters: z.object({ city: z.string(), days: z.string().transform(Number) }),
  execute: async ({ city, days }, { signal }) => fetch(`https://example.com/${city}/${days.toFixed()}`, { signal }),
});
const chat = llmChat({ llm, description: "You are kind.", tools: [weather], maxSteps: 3 });
let history = await chat([], "Hello!").history;
const turn = chat(history, [{ type: "text", text: "And now?" }], { timeout: 5 });
for await (const text of turn) console.log(text.toUpperCase());
history = await turn.history;

export async function errors(): Promise<string> {
  try {
    return (await summarise({ text: "…" })).title;
  } catch (error) {
    if (error instanceof LLMFunctionError) return `${error.kind} ${error.errors[0]?.path} ${error.trace.length} ${error.partial?.value}`;
    if (error instanceof LLMError) return error.kind satisfies LLMFunctionError["kind"];
    throw error;
  }
}

// What must not compile.
// @ts-expect-error: {txt} is no parameter
llmFunction({ llm, description: "Summarise {txt}.", parameters: z.object({ text: z.string() }) });
// @ts-expect-error: there are no parameters at all
llmFunction({ llm, description: "Summarise {text}." });
// @ts-expect-error: nor in JSON Schema
llmFunction({ llm, description: "Summarise {txt}.", parameters: { type: "object", properties: { text: { type: "string" } } } });
// @ts-expect-error: the text is missing
void summarise({});
// @ts-expect-error: it is a text
void summarise({ text: 1 });
// @ts-expect-error: seconds are a number
void summarise({ text: "…" }, { timeout: "5" });
// @ts-expect-error: there is no such kind
(await classify({ text: "…" })).kind === "so-so";
// @ts-expect-error: valibot alone tells no type to the model, but a type it is: a number is no contract
llmFunction({ llm, description: "Count.", returns: 1 });
// @ts-expect-error: tools come from tool()
llmFunction({ llm, description: "Count.", tools: [() => 1] });
// @ts-expect-error: an argument is used for what it is not
tool({ name: "x", parameters: z.object({ a: z.string() }), execute: ({ a }) => a.toFixed() });
// @ts-expect-error: the answer may still be arriving
for await (const partial of summarise.stream({ text: "…" })) partial.points.length;
// @ts-expect-error: an age may be missing
people[0]!.age.toFixed();
