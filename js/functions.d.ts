/// <reference lib="esnext.disposable" />
/**
 * Typed LLM functions: the description is the prompt, the types are the contract. Over any {@link LLMInterface}, whose
 * retries, fallbacks and keys apply as ever.
 *
 * ```js
 * import { llmFunction } from "lockkeeper/functions";
 * import { z } from "zod";
 *
 * const summarise = llmFunction({
 *   llm,
 *   description: "Summarise the text in at most {words} words.",
 *   parameters: z.object({ text: z.string(), words: z.number() }),
 *   returns: z.object({ title: z.string(), points: z.array(z.string()) }),
 * });
 * const { title, points } = await summarise({ text, words: 50 });
 * ```
 *
 * All durations are numbers of seconds.
 *
 * @packageDocumentation
 */

import {
  type AnsweredBy, type ChatMessage, type ChatMessages, type ChatOptions, type ContentPart, type ErrorKind, LLMError,
  type LLMErrorDetails, type LLMInterface, type MessageLike, type Partial as PartialAnswer, type Usage,
} from "./index.js";

// ---------------------------------------------------------------- types as values

/** A type: a value of zod, valibot or arktype (Standard Schema), plain JSON Schema, or both side by side. */
export type Contract = StandardSchema | JSONSchema | DescribedSchema;

/** What the Standard Schema spec asks of a schema. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** What a schema says of a value. */
export type StandardResult<Output> = { readonly value: Output; readonly issues?: undefined } | { readonly issues: ReadonlyArray<StandardIssue> };

/** One thing that is wrong with a value. */
export interface StandardIssue {
  readonly message: string;
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** A schema that can't tell its own JSON Schema, with it beside. */
export interface DescribedSchema {
  readonly schema: StandardSchema;
  readonly jsonSchema: JSONSchema;
}

/** The names of JSON Schema's types. */
export type JSONType = "string" | "number" | "integer" | "boolean" | "null" | "array" | "object";

/** JSON Schema, draft 2020-12. Other words than these may stand there and say nothing; `format` is a note to the model. */
export interface JSONSchema {
  readonly type?: JSONType | ReadonlyArray<JSONType>;
  readonly description?: string;
  readonly properties?: { readonly [name: string]: JSONSchema | boolean };
  readonly required?: ReadonlyArray<string>;
  readonly additionalProperties?: JSONSchema | boolean;
  readonly patternProperties?: { readonly [pattern: string]: JSONSchema | boolean };
  readonly items?: JSONSchema | boolean;
  readonly prefixItems?: ReadonlyArray<JSONSchema | boolean>;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly enum?: ReadonlyArray<unknown>;
  readonly const?: unknown;
  readonly anyOf?: ReadonlyArray<JSONSchema | boolean>;
  readonly oneOf?: ReadonlyArray<JSONSchema | boolean>;
  readonly allOf?: ReadonlyArray<JSONSchema | boolean>;
  readonly $ref?: string;
  readonly $defs?: { readonly [name: string]: JSONSchema | boolean };
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
}

/** The values of a JSON Schema that is written as a constant; `unknown` for what is not so plain. */
export type FromSchema<Schema, Root = Schema> = Schema extends { readonly const: infer Value }
  ? Value
  : Schema extends { readonly enum: ReadonlyArray<infer Value> }
    ? Value
    : Schema extends { readonly $ref: `#/$defs/${infer Name}` }
      ? Root extends { readonly $defs: infer Definitions } ? Name extends keyof Definitions ? FromSchema<Definitions[Name], Root> : unknown : unknown
      : Schema extends { readonly anyOf: ReadonlyArray<infer One> } | { readonly oneOf: ReadonlyArray<infer One> }
        ? FromEach<One, Root>
        : Schema extends { readonly type: ReadonlyArray<infer Type> }
          ? FromType<Type, Schema, Root>
          : Schema extends { readonly type: infer Type } ? FromType<Type, Schema, Root> : unknown;

type FromEach<One, Root> = One extends unknown ? FromSchema<One, Root> : never;

type FromType<Type, Schema, Root> = Type extends "string"
  ? string
  : Type extends "number" | "integer"
    ? number
    : Type extends "boolean"
      ? boolean
      : Type extends "null"
        ? null
        : Type extends "array" ? FromList<Schema, Root> : Type extends "object" ? FromObject<Schema, Root> : unknown;

type FromList<Schema, Root> = Schema extends { readonly prefixItems: infer Items extends ReadonlyArray<unknown> }
  ? { -readonly [Index in keyof Items]: FromSchema<Items[Index], Root> }
  : Schema extends { readonly items: infer Item } ? FromSchema<Item, Root>[] : unknown[];

type FromObject<Schema, Root> = Schema extends { readonly properties: infer Properties }
  ? Flat<
      { -readonly [Name in keyof Properties as Name extends RequiredOf<Schema> ? Name : never]: FromSchema<Properties[Name], Root> } & {
        -readonly [Name in keyof Properties as Name extends RequiredOf<Schema> ? never : Name]?: FromSchema<Properties[Name], Root>;
      }
    >
  : Schema extends { readonly additionalProperties: infer Member } ? { [name: string]: FromSchema<Member, Root> } : { [name: string]: unknown };

type RequiredOf<Schema> = Schema extends { readonly required: ReadonlyArray<infer Name> } ? Name : never;

type Flat<Type> = { [Name in keyof Type]: Type[Name] };

/** What a contract takes: what the caller of a function writes, or the model. */
export type InputOf<Of> = Of extends { readonly "~standard": { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly input: infer Input } ? Input : unknown
  : Of extends DescribedSchema ? InputOf<Of["schema"]> : FromSchema<Of>;

/** What a contract gives: the value of a function, or the arguments of a tool. */
export type OutputOf<Of> = Of extends { readonly "~standard": { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly output: infer Output } ? Output : unknown
  : Of extends DescribedSchema ? OutputOf<Of["schema"]> : FromSchema<Of>;

/** A value that is still arriving: members and items that are not there yet may be missing, texts may grow. */
export type Arriving<Type> = Type extends ReadonlyArray<infer Item>
  ? ReadonlyArray<Arriving<Item>>
  : Type extends object ? { readonly [Name in keyof Type]?: Arriving<Type[Name]> } : Type;

/** No arguments. */
export type NoArguments = { readonly type: "object"; readonly properties: {}; readonly additionalProperties: false };

/** Any text. */
export type Text = { readonly type: "string" };

// ---------------------------------------------------------------- functions

/** The names in a description that stand for arguments: `{name}`. */
export type TemplateNames<Description extends string> = Description extends `${infer Before}{${infer Name}}${infer Rest}`
  ? (Before extends `${string}{` ? never : IsName<Name> extends true ? Name : never) | TemplateNames<Rest>
  : never;

/** Whether what stands between two braces is a name at all; `{{name}}` and JSON are texts. */
type IsName<Text extends string> = Text extends "" | `${string}${" " | "\n" | "{" | '"' | "'" | ":" | "," | "." | "[" | "]" | "-" | "|" | "/"}${string}` ? false : true;

/** Nothing where all templates of a description are arguments; else what no text is, so that the compiler tells. */
export type CheckedTemplates<Description extends string, Arguments> = string extends Description
  ? unknown
  : Exclude<TemplateNames<Description>, keyof Arguments> extends infer Unknown
    ? [Unknown] extends [never] ? unknown : { readonly "there is no such parameter": Unknown }
    : never;

/** What may be said of all calls, and of one. */
export interface CallSettings {
  /** How long the whole call may take, with all attempts, repairs and tools, in seconds. Default: as the `llm` has it for each request. */
  timeout?: number;
  /** How often the model is shown what is wrong with its answer, and asked again. Default: 2. */
  maxRepairs?: number;
  /** How often in a row the model may call tools before it must answer. Default: 8. */
  maxSteps?: number;
}

/** The options of one call. It takes any option of `llm.chat` as well, and any other field of OpenAI's API. */
export type CallOptions = CallSettings & ChatOptions & { readonly [field: string]: unknown };

/** What {@link llmFunction} is given. */
export interface FunctionDefinition<Description extends string, Parameters extends Contract, Returns extends Contract> extends CallSettings {
  /** Who carries it out: a client, a `Fallback`, or an object of your own. */
  llm: LLMInterface;
  /** What to do, in the imperative. `{name}` is replaced by the argument of that name; `{{name}}` stays, as `{name}`. */
  description: Description & CheckedTemplates<Description, InputOf<Parameters>>;
  /** The arguments, an object. Default: none. */
  parameters?: Parameters;
  /** The value. Default: a text. */
  returns?: Returns;
  /** Functions that the model may call first. Default: none. */
  tools?: ReadonlyArray<Tool>;
  /** Its name, for the provider: letters, digits, `_` and `-`. Default: `answer`. */
  name?: string;
  /** Options of each `llm.chat`, such as `{ temperature: 0 }`. Default: none. */
  options?: ChatOptions & { readonly [field: string]: unknown };
}

/** The arguments of a call, then its options. */
export type CallArguments<Arguments> = {} extends Arguments ? [args?: Arguments, options?: CallOptions] : [args: Arguments, options?: CallOptions];

/** A function that a model carries out. Calls share nothing but what is learned of how the model wants to be asked. */
export interface LLMFunction<Arguments, Value> {
  /**
   * Calls it, and resolves to the value.
   *
   * @throws {@link LLMFunctionError}; `ConfigError` where the arguments are wrong; the signal's reason.
   */
  (...call: CallArguments<Arguments>): Promise<Value>;
  /** The same with all that was tried, and what it cost. */
  run(...call: CallArguments<Arguments>): Promise<FunctionResult<Value>>;
  /** Calls it, when the stream is first read, and yields the value as it arrives. */
  stream(...call: CallArguments<Arguments>): FunctionStream<Value>;
}

/** What came of a call. */
export interface FunctionResult<Value> {
  value: Value;
  /** Every request, oldest first. */
  trace: FunctionAttempt[];
  /** What all of them have cost, as reported or estimated; absent where nobody says. */
  usage: Usage | undefined;
}

/**
 * A value that arrives. Leaving the loop early, `abort()` and the end of a `using` block end the request. Texts grow;
 * numbers are shown when they are whole; what is longer than 4,096 characters is shown in steps of a hundredth. The last
 * item is the value, checked.
 */
export interface FunctionStream<Value> extends AsyncIterable<Arriving<Value> | Value>, AsyncDisposable, Disposable {
  [Symbol.asyncIterator](): AsyncIterableIterator<Arriving<Value> | Value>;
  /** The value, when all has arrived; reads to the end if nobody does. */
  readonly value: Promise<Value>;
  /** The same with all that was tried, and what it cost. */
  result(): Promise<FunctionResult<Value>>;
  /** Which request the last item came from, from 1. Where it grows, what came before is void: the model corrects itself. */
  readonly attempt: number;
  /** Ends the call. Whoever reads is told `reason` (default: an `AbortError`). */
  abort(reason?: unknown): void;
}

/** Makes a function of a description and types. */
export function llmFunction<const Description extends string, const Parameters extends Contract = NoArguments, const Returns extends Contract = Text>(
  definition: FunctionDefinition<Description, Parameters, Returns>,
): LLMFunction<InputOf<Parameters>, OutputOf<Returns>>;

/**
 * How a value is asked for, the surest way first that the server takes: by `response_format`, by a tool named `answer`, in
 * JSON mode, by words alone. Texts are just asked for.
 */
export type Strategy = "json_schema" | "tool" | "json_object" | "prompt" | "text";

/** One request of a call. */
export interface FunctionAttempt {
  strategy: Strategy;
  /** What the model has said: its text, or the arguments of its answer. */
  text: string;
  /** The tools that it has called, with what came of them. */
  toolCalls: ToolCallRecord[];
  /** What is wrong with the answer, or with the request. */
  errors: FunctionProblem[];
  /** `true` where the server has refused to be asked this way. */
  refused?: true;
  usage?: Usage | undefined;
  /** How long it took, in seconds. */
  duration: number;
  answeredBy?: AnsweredBy | undefined;
}

/** One thing that is wrong with an answer. */
export interface FunctionProblem {
  /** Where, such as `$.items[2].price`. */
  path: string;
  /** What, such as `expected a number, found "abc"`. */
  message: string;
}

// ---------------------------------------------------------------- tools

/** A function that the model may call, as {@link tool} makes it. */
export interface Tool {
  readonly name: string;
  readonly description: string;
}

/** What a tool is told of its call. */
export interface ToolContext {
  /** Aborted when the call of the model ends before the tool has. */
  readonly signal: AbortSignal;
  /** The id of this call. */
  readonly toolCallId: string;
}

/** What {@link tool} is given. */
export interface ToolDefinition<Parameters extends Contract> {
  /** Letters, digits, `_` and `-`. */
  name: string;
  /** What it does, for the model. Default: nothing. */
  description?: string;
  /** Its arguments, an object. Default: none. */
  parameters?: Parameters;
  /** Does it. What it gives goes to the model, a text as it is, all else as JSON; so does what it throws. */
  execute(args: OutputOf<Parameters>, context: ToolContext): unknown;
}

/** Makes a tool of a function. Wrong arguments are told to the model, and the function not called. */
export function tool<const Parameters extends Contract = NoArguments>(definition: ToolDefinition<Parameters>): Tool;

/** A call of a tool. */
export interface ToolCallRecord {
  name: string;
  /** The arguments, or what the model has written where that does not fit. */
  arguments: unknown;
  /** What the tool gave; absent where it failed, or had not ended. */
  result?: unknown;
  /** Why it failed, or was not called. */
  error?: string;
  /** How long it took, in seconds. */
  duration?: number;
}

// ---------------------------------------------------------------- conversations

/** What {@link llmChat} is given. */
export interface ChatDefinition extends Omit<CallSettings, "maxRepairs"> {
  llm: LLMInterface;
  /** How to behave; said before the history at each turn, and no part of it. */
  description: string;
  /** Functions that the model may call. Default: none. */
  tools?: ReadonlyArray<Tool>;
  /** Options of each `llm.chatStream`. Default: none. */
  options?: ChatOptions & { readonly [field: string]: unknown };
}

/** Takes the history and what is said next: a text, content parts, or a message. The history is left as it is. */
export type ChatFunction = (history: ChatMessages, input: string | ReadonlyArray<ContentPart> | ChatMessage, options?: CallOptions) => ChatTurn;

/** An answer that arrives, text by text. Leaving the loop early, `abort()` and the end of a `using` block end the request. */
export interface ChatTurn extends AsyncIterable<string>, AsyncDisposable, Disposable {
  [Symbol.asyncIterator](): AsyncIterableIterator<string>;
  /** The history with this turn, when all has arrived; reads to the end if nobody does. */
  readonly history: Promise<Array<ChatMessage | MessageLike>>;
  /** The whole answer, when it has arrived. */
  readonly text: Promise<string>;
  /** All of it, with all that was asked and what it cost. */
  result(): Promise<{ text: string; history: Array<ChatMessage | MessageLike>; trace: FunctionAttempt[]; usage: Usage | undefined }>;
  /** Ends the call. Whoever reads is told `reason` (default: an `AbortError`). */
  abort(reason?: unknown): void;
}

/** Makes a conversation: `const turn = chat(history, "Hello!")`, then `history = await turn.history`. */
export function llmChat(definition: ChatDefinition): ChatFunction;

// ---------------------------------------------------------------- what goes wrong

/**
 * The error of a call. `kind` is that of the `cause` where the layers below have failed; else `invalid_answer` (the answer
 * does not fit after all repairs), `refused` (the model won't, or a filter), `truncated` (cut at the most LLM tokens),
 * `step_limit` (too many tool calls) or `timeout`.
 */
export class LLMFunctionError extends LLMError {
  constructor(message: string, details?: LLMFunctionErrorDetails);
  readonly kind: ErrorKind;
  /** Every request, oldest first. */
  readonly trace: ReadonlyArray<FunctionAttempt>;
  /** What is wrong with the last answer. */
  readonly errors: ReadonlyArray<FunctionProblem>;
  /** What has come of the last answer. */
  readonly partial: PartialValue | undefined;
}

/** What has come of an answer: its text, and as much of the value as there is in it. */
export interface PartialValue extends PartialAnswer {
  value?: unknown;
}

/** What an {@link LLMFunctionError} can be made with. */
export interface LLMFunctionErrorDetails extends LLMErrorDetails {
  trace?: ReadonlyArray<FunctionAttempt>;
  errors?: ReadonlyArray<FunctionProblem>;
}
