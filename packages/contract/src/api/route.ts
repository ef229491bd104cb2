/** How an API is described: each route once, as method, path and schemas, from which server, client and documents come. */
import type { z } from 'zod';

export interface Route<Request extends z.ZodType, Response extends z.ZodType> {
  method: 'GET' | 'POST';
  /** `:name` stands for a path parameter. */
  path: string;
  /** One sentence for the API's document. */
  summary: string;
  request: Request;
  response: Response;
}

export function route<Request extends z.ZodType, Response extends z.ZodType>(
  method: 'GET' | 'POST',
  path: string,
  summary: string,
  request: Request,
  response: Response,
): Route<Request, Response> {
  return { method, path, summary, request, response };
}

export type ResponseOf<R> = R extends Route<z.ZodType, infer A> ? z.infer<A> : never;

/** The path with its parameters filled in, each percent-encoded. */
export function fillPath(path: string, params: Record<string, string>): string {
  return path.replace(/:([a-z][a-z0-9_]*)/g, (_, key: string) => encodeURIComponent(params[key] ?? ''));
}
