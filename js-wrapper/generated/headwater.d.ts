/* tslint:disable */
/* eslint-disable */
