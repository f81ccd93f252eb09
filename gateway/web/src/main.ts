import { createApp } from './client/create-app.ts';
import { show } from './views/show.tsx';

const root = document.getElementById('app');
if (root === null) throw new Error('index.html has an element #app');
show(createApp(), root);
