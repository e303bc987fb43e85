// Requests by the providers' TypeScript SDKs, as sdk_calls.py. Node resolves packages from this file: the test copies it into their folder.
import Anthropic from "@anthropic-ai/sdk";
import { GoogleGenAI } from "@google/genai";
import OpenAI from "openai";

const [address, ...actions] = process.argv.slice(2);
const prompt = "Say hello.";
const messages = [{ role: "user", content: prompt }];

async function joined(parts, text) {
  let all = "";
  for await (const part of parts) all += text(part) ?? "";
  return all;
}

function calls(token) {
  const claude = new Anthropic({ baseURL: address, apiKey: token });
  const gpt = new OpenAI({ baseURL: `${address}/v1`, apiKey: token });
  const gemini = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: address } });
  const message = { model: "claude-sonnet-4-5", max_tokens: 500, messages };
  const response = { model: "gpt-5", max_output_tokens: 500, input: prompt };
  const chat = { model: "gpt-5", max_completion_tokens: 500, messages };
  const content = { model: "gemini-2.5-pro", contents: prompt, config: { maxOutputTokens: 500 } };
  return [
    ["anthropic", async () => (await claude.messages.create(message)).content[0].text],
    ["anthropic", async () => claude.messages.stream(message).finalText()],
    ["responses", async () => (await gpt.responses.create(response)).output_text],
    ["responses", async () => joined(await gpt.responses.create({ ...response, stream: true }), (event) => event.type === "response.output_text.delta" ? event.delta : "")],
    ["chat", async () => (await gpt.chat.completions.create(chat)).choices[0].message.content],
    ["chat", async () => joined(await gpt.chat.completions.create({ ...chat, stream: true }), (part) => part.choices[0]?.delta.content)],
    ["gemini", async () => (await gemini.models.generateContent(content)).text],
    ["gemini", async () => joined(await gemini.models.generateContentStream(content), (part) => part.text)],
  ];
}

for (const argument of actions) {
  const [action, token] = argument.split("=");
  for (const [api, call] of calls(token)) {
    const line = { action, api };
    try {
      line.text = await call();
    } catch (error) {
      Object.assign(line, { error: error.constructor.name, status: error.status, message: error.message });
    }
    console.log(JSON.stringify(line));
  }
}
