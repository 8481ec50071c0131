import { defineConfig } from "vite";

// Two documents: login.html is served without a session, index.html holds every other page.
// Everything they load lies under /assets, which the server serves without a session too.
export default defineConfig({
  base: "/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    assetsDir: "assets",
    assetsInlineLimit: 0, // data: URLs would need a wider content security policy
    chunkSizeWarningLimit: 1500, // the map library is one lazily loaded chunk
    rolldownOptions: { input: ["index.html", "login.html"] },
  },
  worker: { format: "es" },
  server: { proxy: { "/v1": "http://127.0.0.1:8080" } },
});
