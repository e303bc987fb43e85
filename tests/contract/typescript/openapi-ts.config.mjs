export default {
  input: "./openapi.json",
  output: "./client",
  plugins: [
    "@hey-api/client-fetch",
    "@hey-api/typescript",
    {
      name: "@hey-api/sdk",
      paramsStructure: "flat",
      operations: { strategy: "single", containerName: "Client", nesting: "operationId" },
    },
  ],
};
