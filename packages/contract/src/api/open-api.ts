/** The management API as an OpenAPI 3.1 document, made from the schemas that the listener checks with, so that it cannot differ. */
import { z } from 'zod';
import { managementRoutes, routePermissions, sessionCookie } from './management.ts';
import { problem } from './problem.ts';

const json = (schema: z.ZodType, io: 'input' | 'output') => ({
  'application/json': { schema: z.toJSONSchema(schema, { io }) },
});

export function managementOpenApi(): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [name, route] of Object.entries(managementRoutes)) {
    const permission = routePermissions[name as keyof typeof managementRoutes];
    const params = [...route.path.matchAll(/:([a-z_]+)/g)].map(([, param]) => param!);
    const path = route.path.replace(/:([a-z_]+)/g, '{$1}');
    paths[path] = {
      ...paths[path],
      [route.method.toLowerCase()]: {
        operationId: name,
        summary: route.summary,
        description: permission.includes('.')
          ? `Takes the permission \`${permission}\`.`
          : `For: ${permission}.`,
        ...(permission === 'anybody' ? { security: [] } : {}),
        ...(params.length === 0
          ? {}
          : {
              parameters: params.map((param) => ({
                name: param,
                in: 'path',
                required: true,
                schema: { type: 'string' },
              })),
            }),
        ...(route.method === 'GET'
          ? {}
          : { requestBody: { required: true, content: json(route.request, 'input') } }),
        responses: {
          200: { description: 'Done.', content: json(route.response, 'output') },
          default: {
            description: 'Refused: a problem document (RFC 9457) with a code of a closed list.',
            content: { 'application/problem+json': { schema: z.toJSONSchema(problem) } },
          },
        },
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Imprint management API', version: '1' },
    security: [{ token: [] }, { session: [] }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie },
      },
    },
    paths,
  };
}
