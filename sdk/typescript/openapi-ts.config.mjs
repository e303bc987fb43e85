// The API's document is kept once, beside the command line, which is made from it too.
export default {
  input: "../../cli/openapi.json",
  output: { path: "./src/generated", importFileExtension: ".js" },
  plugins: [
    { name: "@hey-api/client-fetch", throwOnError: true },
    "@hey-api/typescript",
    {
      name: "@hey-api/sdk",
      paramsStructure: "flat",
      responseStyle: "data",
      operations: { strategy: "single", containerName: "Client", nesting: "operationId" },
    },
  ],
};
