// Shows the description of the node that served this file.
window.ui = SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#page",
  deepLinking: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: 0, // the schemas are listed, closed
  validatorUrl: null, // by default the page asks a server elsewhere
});
